# ruff: noqa: E501 (tables of texts)
"""Fixed task families: the small functions every beginner's course has, each in a few wordings and code variants.

One table entry a family: names, parameters, annotations, wordings, code variants (without the outer indentation) and the
argument sampler. The code is written for this corpus.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from textwrap import dedent

from selfboot.organism.ops import int_list, letter, matrix, sentence, small_int, table, text, word, word_list
from selfboot.organism.program import Args, Spec

Draw = Callable[[Random], Args]


def family(
    key: str,
    params: str,
    hints: str,
    names: str,
    docs: tuple[str, ...],
    codes: tuple[str, ...],
    draw: Draw,
    head: tuple[str, ...] = (),
    level: int = 1,
) -> Spec:
    """A Spec from a table entry: ``params``, ``hints`` and ``names`` are space separated, hints with ``;``."""
    variants = [dedent(code).strip().split("\n") for code in codes]
    return Spec(
        key=f"fixed|{key}",
        kind="fixed",
        level=level,
        names=tuple(names.split()),
        params=tuple(params.split()),
        hints=tuple(hint.strip() for hint in hints.split(";")),
        docs=lambda rng, held: rng.choice(docs),
        bodies=lambda rng: list(rng.choice(variants)),
        args=draw,
        head=head,
    )


def one(low: int, high: int) -> Draw:
    return lambda r: (r.randint(low, high),)


def two(low: int, high: int) -> Draw:
    return lambda r: (r.randint(low, high), r.randint(low, high))


def three(low: int, high: int) -> Draw:
    return lambda r: (r.randint(low, high), r.randint(low, high), r.randint(low, high))


def numbers(r: Random) -> Args:
    return (int_list(r),)


def some_numbers(r: Random) -> Args:
    return ([*int_list(r), small_int(r), small_int(r)],)


def number_and(low: int, high: int) -> Draw:
    return lambda r: (int_list(r), r.randint(low, high))


def two_lists(r: Random) -> Args:
    return ([r.randint(0, 6) for _ in range(r.randint(0, 4))], [r.randint(0, 6) for _ in range(r.randint(0, 4))])


def ordered(r: Random) -> Args:
    return (sorted(int_list(r)), small_int(r))


def a_text(r: Random) -> Args:
    return (text(r),)


def a_word(r: Random) -> Args:
    return (word(r),)


def two_words(r: Random) -> Args:
    a = word(r)
    return (a, "".join(r.sample(a, len(a))) if r.random() < 0.4 else word(r))


FAMILIES: tuple[Spec, ...] = (
    family(
        "prime",
        "$N",
        "int",
        "is_prime check_prime prime",
        ("Check whether $N is a prime number.", "Return True if $N is prime, False otherwise.", "Is $N a prime?"),
        (
            """
        if $N < 2:
            return False
        for $I in range(2, int($N ** 0.5) + 1):
            if $N % $I == 0:
                return False
        return True
        """,
            """
        if $N < 2:
            return False
        return all($N % $I != 0 for $I in range(2, $N))
        """,
        ),
        one(0, 30),
    ),
    family(
        "factorial",
        "$N",
        "int",
        "factorial fact compute_factorial",
        ("Return the factorial of $N.", "Compute $N! for a non-negative integer."),
        (
            """
        $RESULT = 1
        for $I in range(2, $N + 1):
            $RESULT *= $I
        return $RESULT
        """,
            """
        $TOTAL = 1
        while $N > 1:
            $TOTAL *= $N
            $N -= 1
        return $TOTAL
        """,
        ),
        one(0, 7),
    ),
    family(
        "fib",
        "$N",
        "int",
        "fibonacci fib nth_fibonacci",
        ("Return the $N-th Fibonacci number, starting with 0 and 1.", "Compute the Fibonacci number with index $N."),
        (
            """
        $A, $B = 0, 1
        for $I in range($N):
            $A, $B = $B, $A + $B
        return $A
        """,
        ),
        one(0, 15),
    ),
    family(
        "fiblist",
        "$N",
        "int",
        "fibonacci_list first_fibonacci",
        ("Return a list of the first $N Fibonacci numbers.",),
        (
            """
        $RESULT = []
        $A, $B = 0, 1
        while len($RESULT) < $N:
            $RESULT.append($A)
            $A, $B = $B, $A + $B
        return $RESULT
        """,
        ),
        one(0, 8),
    ),
    family(
        "gcd",
        "$A $B",
        "int; int",
        "gcd greatest_common_divisor",
        ("Return the greatest common divisor of $A and $B.", "Compute the gcd of two positive integers."),
        (
            """
        while $B:
            $A, $B = $B, $A % $B
        return $A
        """,
        ),
        two(1, 40),
    ),
    family(
        "lcm",
        "$A $B",
        "int; int",
        "lcm least_common_multiple",
        ("Return the least common multiple of $A and $B.",),
        (
            """
        $RESULT = max($A, $B)
        while $RESULT % $A != 0 or $RESULT % $B != 0:
            $RESULT += 1
        return $RESULT
        """,
        ),
        two(1, 12),
    ),
    family(
        "reverse",
        "$TEXT",
        "str",
        "reverse_string reverse reversed_text",
        ("Return $TEXT reversed.", "Reverse a string."),
        (
            "return $TEXT[::-1]",
            """
        $RESULT = ""
        for $CH in $TEXT:
            $RESULT = $CH + $RESULT
        return $RESULT
        """,
        ),
        a_text,
    ),
    family(
        "palindrome",
        "$TEXT",
        "str",
        "is_palindrome check_palindrome",
        ("Check whether $TEXT reads the same forwards and backwards.", "Return True if $TEXT is a palindrome."),
        (
            "return $TEXT == $TEXT[::-1]",
            """
        $LEFT, $RIGHT = 0, len($TEXT) - 1
        while $LEFT < $RIGHT:
            if $TEXT[$LEFT] != $TEXT[$RIGHT]:
                return False
            $LEFT += 1
            $RIGHT -= 1
        return True
        """,
        ),
        a_word,
    ),
    family(
        "anagram",
        "$A $B",
        "str; str",
        "is_anagram are_anagrams",
        ("Return True if $A and $B are anagrams of each other.", "Check whether two strings use the same letters."),
        ("return sorted($A) == sorted($B)",),
        two_words,
    ),
    family(
        "leap",
        "$N",
        "int",
        "is_leap_year leap_year",
        ("Check whether the year $N is a leap year.", "Return True for a leap year."),
        (
            "return $N % 4 == 0 and ($N % 100 != 0 or $N % 400 == 0)",
            """
        if $N % 400 == 0:
            return True
        if $N % 100 == 0:
            return False
        return $N % 4 == 0
        """,
        ),
        lambda r: (r.choice((1900, 2000, 2004, 2023, 2024, 2100, 1996, r.randint(1900, 2100))),),
    ),
    family(
        "clamp",
        "$N $LO $HI",
        "int; int; int",
        "clamp limit_value",
        ("Limit $N to the range from $LO to $HI.", "Return $N, but at least $LO and at most $HI."),
        (
            "return max($LO, min($N, $HI))",
            """
        if $N < $LO:
            return $LO
        if $N > $HI:
            return $HI
        return $N
        """,
        ),
        lambda r: (r.randint(-5, 20), r.randint(0, 5), r.randint(6, 12)),
    ),
    family(
        "bsearch",
        "$NUMS $N",
        "list[int]; int",
        "binary_search find_index search",
        (
            "Return the index of $N in the sorted list $NUMS, or -1.",
            "Binary search: the position of $N in $NUMS, -1 if it is missing.",
        ),
        (
            """
        $LO, $HI = 0, len($NUMS) - 1
        while $LO <= $HI:
            $MID = ($LO + $HI) // 2
            if $NUMS[$MID] == $N:
                return $MID
            if $NUMS[$MID] < $N:
                $LO = $MID + 1
            else:
                $HI = $MID - 1
        return -1
        """,
        ),
        lambda r: (sorted(r.sample(range(12), r.randint(0, 5))), r.randint(0, 11)),
    ),
    family(
        "bubble",
        "$NUMS",
        "list[int]",
        "bubble_sort sort_numbers",
        ("Sort $NUMS in ascending order with bubble sort and return it.",),
        (
            """
        $NUMS = list($NUMS)
        for $I in range(len($NUMS)):
            for $J in range(len($NUMS) - 1 - $I):
                if $NUMS[$J] > $NUMS[$J + 1]:
                    $NUMS[$J], $NUMS[$J + 1] = $NUMS[$J + 1], $NUMS[$J]
        return $NUMS
        """,
        ),
        numbers,
    ),
    family(
        "flatten",
        "$MAT",
        "list[list[int]]",
        "flatten flatten_list",
        ("Flatten a list of lists into one list.", "Return all elements of the rows of $MAT in one list."),
        (
            "return [$X for $ROW in $MAT for $X in $ROW]",
            """
        $RESULT = []
        for $ROW in $MAT:
            $RESULT.extend($ROW)
        return $RESULT
        """,
        ),
        lambda r: (matrix(r),),
    ),
    family(
        "transpose",
        "$MAT",
        "list[list[int]]",
        "transpose transpose_matrix",
        ("Swap the rows and columns of $MAT.", "Return the transposed matrix."),
        (
            "return [list($ROW) for $ROW in zip(*$MAT)]",
            "return [[$ROW[$I] for $ROW in $MAT] for $I in range(len($MAT[0]))]",
        ),
        lambda r: (matrix(r),),
    ),
    family(
        "rotate",
        "$NUMS $K",
        "list[int]; int",
        "rotate_left rotate",
        ("Rotate $NUMS to the left by $K places.", "Move the first $K elements of $NUMS to its end."),
        ("return $NUMS[$K:] + $NUMS[:$K]",),
        number_and(0, 3),
    ),
    family(
        "merge",
        "$A $B",
        "list[int]; list[int]",
        "merge_sorted merge_lists",
        ("Merge two sorted lists into one sorted list.",),
        (
            "return sorted($A + $B)",
            """
        $RESULT = []
        $I = $J = 0
        while $I < len($A) and $J < len($B):
            if $A[$I] <= $B[$J]:
                $RESULT.append($A[$I])
                $I += 1
            else:
                $RESULT.append($B[$J])
                $J += 1
        return $RESULT + $A[$I:] + $B[$J:]
        """,
        ),
        lambda r: tuple(sorted(v) for v in two_lists(r)),
    ),
    family(
        "dedupe",
        "$NUMS",
        "list[int]",
        "remove_duplicates dedupe unique_in_order",
        (
            "Remove duplicates from $NUMS, keeping the first occurrence of each.",
            "Return $NUMS without duplicates, in the original order.",
        ),
        (
            """
        $SEEN = set()
        $RESULT = []
        for $X in $NUMS:
            if $X not in $SEEN:
                $SEEN.add($X)
                $RESULT.append($X)
        return $RESULT
        """,
            "return list(dict.fromkeys($NUMS))",
        ),
        lambda r: ([r.randint(0, 4) for _ in range(r.randint(0, 6))],),
    ),
    family(
        "caesar",
        "$TEXT $K",
        "str; int",
        "caesar_cipher caesar shift_letters",
        ("Shift each lowercase letter of $TEXT by $K places in the alphabet.",),
        (
            """
        $RESULT = ""
        for $CH in $TEXT:
            if $CH.islower():
                $RESULT += chr((ord($CH) - 97 + $K) % 26 + 97)
            else:
                $RESULT += $CH
        return $RESULT
        """,
        ),
        lambda r: (word(r), r.randint(1, 4)),
    ),
    family(
        "rle",
        "$TEXT",
        "str",
        "run_length_encode rle compress",
        (
            "Encode runs of equal characters as character and count.",
            "Run-length encode $TEXT, such as 'aab' to 'a2b1'.",
        ),
        (
            """
        $RESULT = ""
        $I = 0
        while $I < len($TEXT):
            $J = $I
            while $J < len($TEXT) and $TEXT[$J] == $TEXT[$I]:
                $J += 1
            $RESULT += $TEXT[$I] + str($J - $I)
            $I = $J
        return $RESULT
        """,
        ),
        lambda r: ("".join(r.choice("ab") * r.randint(1, 3) for _ in range(r.randint(0, 3))),),
    ),
    family(
        "roman",
        "$N",
        "int",
        "to_roman int_to_roman",
        ("Write $N as a Roman numeral.",),
        (
            """
        $RESULT = ""
        for $VAL, $KEY in [(100, "C"), (90, "XC"), (50, "L"), (40, "XL"), (10, "X"), (9, "IX"), (5, "V"), (4, "IV"), (1, "I")]:
            while $N >= $VAL:
                $RESULT += $KEY
                $N -= $VAL
        return $RESULT
        """,
        ),
        one(1, 120),
    ),
    family(
        "binary",
        "$N",
        "int",
        "to_binary int_to_binary",
        ("Return the binary form of $N as a string.", "Write $N with the digits 0 and 1."),
        (
            "return bin($N)[2:]",
            """
        if $N == 0:
            return "0"
        $RESULT = ""
        while $N > 0:
            $RESULT = str($N % 2) + $RESULT
            $N //= 2
        return $RESULT
        """,
        ),
        one(0, 20),
    ),
    family(
        "frombin",
        "$TEXT",
        "str",
        "from_binary binary_to_int",
        ("Return the integer that the binary string $TEXT stands for.",),
        (
            "return int($TEXT, 2)",
            """
        $TOTAL = 0
        for $CH in $TEXT:
            $TOTAL = $TOTAL * 2 + int($CH)
        return $TOTAL
        """,
        ),
        lambda r: (bin(r.randint(0, 20))[2:],),
    ),
    family(
        "collatz",
        "$N",
        "int",
        "collatz_steps collatz",
        ("Count the steps until $N reaches 1: halve even numbers, else triple and add one.",),
        (
            """
        $COUNT = 0
        while $N != 1:
            $N = $N // 2 if $N % 2 == 0 else 3 * $N + 1
            $COUNT += 1
        return $COUNT
        """,
        ),
        one(1, 12),
    ),
    family(
        "perfect",
        "$N",
        "int",
        "is_perfect perfect_number",
        ("Check whether $N equals the sum of its proper divisors.", "Is $N a perfect number?"),
        ("return $N > 1 and sum($I for $I in range(1, $N) if $N % $I == 0) == $N",),
        lambda r: (r.choice((6, 28, r.randint(1, 30))),),
    ),
    family(
        "armstrong",
        "$N",
        "int",
        "is_armstrong armstrong",
        ("Check whether $N is the sum of its digits, each to the power of their number.",),
        ("return sum(int($CH) ** len(str($N)) for $CH in str($N)) == $N",),
        lambda r: (r.choice((153, 370, 371, 9, 10, r.randint(1, 500))),),
    ),
    family(
        "digroot",
        "$N",
        "int",
        "digital_root digit_root",
        ("Add up the digits of $N until one digit is left.",),
        (
            """
        while $N > 9:
            $N = sum(int($CH) for $CH in str($N))
        return $N
        """,
        ),
        one(0, 999),
    ),
    family(
        "digitsum",
        "$N",
        "int",
        "digit_sum sum_digits",
        ("Return the digit sum of $N with a while loop.",),
        (
            """
        $TOTAL = 0
        while $N > 0:
            $TOTAL += $N % 10
            $N //= 10
        return $TOTAL
        """,
        ),
        one(0, 999),
    ),
    family(
        "power",
        "$A $B",
        "int; int",
        "power raise_to",
        ("Raise $A to the power $B.", "Return $A multiplied by itself $B times."),
        (
            "return $A ** $B",
            """
        $RESULT = 1
        for $I in range($B):
            $RESULT *= $A
        return $RESULT
        """,
        ),
        lambda r: (r.randint(1, 9), r.randint(0, 3)),
    ),
    family(
        "isqrt",
        "$N",
        "int",
        "integer_sqrt floor_sqrt",
        ("Return the largest integer whose square is at most $N.",),
        (
            """
        $RESULT = 0
        while ($RESULT + 1) ** 2 <= $N:
            $RESULT += 1
        return $RESULT
        """,
        ),
        one(0, 99),
    ),
    family(
        "issorted",
        "$NUMS",
        "list[int]",
        "is_sorted check_sorted",
        ("Check whether $NUMS is in ascending order.", "Return True if no element is less than the one before it."),
        (
            "return all($A <= $B for $A, $B in zip($NUMS, $NUMS[1:]))",
            """
        for $I in range(1, len($NUMS)):
            if $NUMS[$I] < $NUMS[$I - 1]:
                return False
        return True
        """,
        ),
        lambda r: (sorted(int_list(r)) if r.random() < 0.5 else int_list(r),),
    ),
    family(
        "second",
        "$NUMS",
        "list[int]",
        "second_largest runner_up",
        ("Return the second largest distinct number in $NUMS, or None.",),
        (
            """
        $RESULT = sorted(set($NUMS))
        return $RESULT[-2] if len($RESULT) > 1 else None
        """,
        ),
        numbers,
    ),
    family(
        "median",
        "$NUMS",
        "list[int]",
        "median middle_value",
        ("Return the median of an odd number of values.", "Sort $NUMS and return the element in the middle."),
        (
            "return sorted($NUMS)[len($NUMS) // 2]",
            """
        $RESULT = sorted($NUMS)
        return $RESULT[len($RESULT) // 2]
        """,
        ),
        lambda r: ([r.randint(0, 20) for _ in range(r.choice((1, 3, 5)))],),
    ),
    family(
        "mean",
        "$NUMS",
        "list[int]",
        "average mean compute_average",
        (
            "Return the average of $NUMS, or 0 for an empty list.",
            "Compute the mean of a list of numbers (0 if it is empty).",
        ),
        (
            """
        if not $NUMS:
            return 0
        return sum($NUMS) / len($NUMS)
        """,
            "return sum($NUMS) / len($NUMS) if $NUMS else 0",
        ),
        lambda r: ([r.randint(0, 9) for _ in range(r.choice((0, 1, 2, 4)))],),
    ),
    family(
        "mode",
        "$NUMS",
        "list[int]",
        "most_common mode",
        ("Return the most frequent element of $NUMS (the first one in case of a tie).",),
        ("return max($NUMS, key=$NUMS.count)",),
        lambda r: ([r.randint(0, 4) for _ in range(r.randint(1, 6))],),
    ),
    family(
        "chunk",
        "$NUMS $K",
        "list[int]; int",
        "chunk split_list",
        ("Split $NUMS into pieces of $K elements.", "Return consecutive slices of length $K."),
        ("return [$NUMS[$I:$I + $K] for $I in range(0, len($NUMS), $K)]",),
        number_and(1, 3),
    ),
    family(
        "twosum",
        "$NUMS $N",
        "list[int]; int",
        "has_pair_with_sum two_sum",
        ("Check whether two different elements of $NUMS add up to $N.",),
        (
            """
        for $I in range(len($NUMS)):
            for $J in range($I + 1, len($NUMS)):
                if $NUMS[$I] + $NUMS[$J] == $N:
                    return True
        return False
        """,
        ),
        number_and(0, 15),
    ),
    family(
        "common",
        "$A $B",
        "list[int]; list[int]",
        "common_elements intersection",
        ("Return a sorted list of the elements that $A and $B have in common.",),
        ("return sorted(set($A) & set($B))",),
        two_lists,
    ),
    family(
        "union",
        "$A $B",
        "list[int]; list[int]",
        "union merge_unique",
        ("Return a sorted list of the elements of $A or $B without duplicates.",),
        ("return sorted(set($A) | set($B))",),
        two_lists,
    ),
    family(
        "onlyfirst",
        "$A $B",
        "list[int]; list[int]",
        "difference only_in_first",
        ("Return the elements of $A that are not in $B.",),
        ("return [$X for $X in $A if $X not in $B]",),
        two_lists,
    ),
    family(
        "identity",
        "$N",
        "int",
        "identity_matrix identity",
        ("Return the $N by $N identity matrix as a list of lists.",),
        ("return [[1 if $I == $J else 0 for $J in range($N)] for $I in range($N)]",),
        one(0, 4),
    ),
    family(
        "diagonal",
        "$MAT",
        "list[list[int]]",
        "diagonal_sum trace",
        ("Return the sum of the main diagonal of a square matrix.",),
        ("return sum($MAT[$I][$I] for $I in range(len($MAT)))",),
        lambda r: ([[r.randint(0, 9) for _ in range(n)] for _ in range(n)] if (n := r.randint(1, 3)) else [],),
    ),
    family(
        "pascal",
        "$N",
        "int",
        "pascal_row pascal",
        ("Return row $N of Pascal's triangle as a list.",),
        (
            """
        $ROW = [1]
        for $I in range($N):
            $ROW = [1] + [$A + $B for $A, $B in zip($ROW, $ROW[1:])] + [1]
        return $ROW
        """,
        ),
        one(0, 5),
    ),
    family(
        "triangle",
        "$N",
        "int",
        "triangular_number triangle",
        ("Return the sum of the integers from 1 to $N by a formula.", "Return the $N-th triangular number."),
        ("return $N * ($N + 1) // 2",),
        one(0, 20),
    ),
    family(
        "counthits",
        "$TEXT $S",
        "str; str",
        "count_substring occurrences",
        ("Count how often $S occurs in $TEXT.", "Return the number of non-overlapping occurrences of $S in $TEXT."),
        ("return $TEXT.count($S)",),
        lambda r: (sentence(r), letter(r)),
    ),
    family(
        "title",
        "$TEXT",
        "str",
        "title_case capitalize_words",
        ("Capitalize every word of $TEXT.", "Return $TEXT with each word capitalized."),
        ('return " ".join($W.capitalize() for $W in $TEXT.split())',),
        lambda r: (sentence(r),),
    ),
    family(
        "revwords",
        "$TEXT",
        "str",
        "reverse_words words_backwards",
        ("Reverse the order of the words in $TEXT.",),
        ('return " ".join($TEXT.split()[::-1])', 'return " ".join(reversed($TEXT.split()))'),
        lambda r: (sentence(r),),
    ),
    family(
        "acronym",
        "$TEXT",
        "str",
        "acronym make_acronym",
        ("Return the uppercase initials of the words in $TEXT.",),
        ('return "".join($W[0].upper() for $W in $TEXT.split())',),
        lambda r: (sentence(r),),
    ),
    family(
        "pangram",
        "$TEXT",
        "str",
        "is_pangram uses_all_letters",
        ("Check whether $TEXT contains every letter of the alphabet.",),
        ('return set("abcdefghijklmnopqrstuvwxyz") <= set($TEXT.lower())',),
        lambda r: (
            r.choice(("abcdefghijklmnopqrstuvwxyz", "The quick brown fox jumps over the lazy dog", sentence(r))),
        ),
    ),
    family(
        "brackets",
        "$TEXT",
        "str",
        "is_balanced balanced_brackets",
        ("Check whether the parentheses in $TEXT are balanced.", "Return True if every '(' in $TEXT is closed."),
        (
            """
        $COUNT = 0
        for $CH in $TEXT:
            if $CH == "(":
                $COUNT += 1
            elif $CH == ")":
                $COUNT -= 1
            if $COUNT < 0:
                return False
        return $COUNT == 0
        """,
        ),
        lambda r: ("".join(r.choice("()") for _ in range(r.randint(0, 6))) if r.random() < 0.6 else "(" * 2 + ")" * 2,),
    ),
    family(
        "hamming",
        "$A $B",
        "str; str",
        "hamming_distance count_differences",
        ("Count the positions at which $A and $B differ.",),
        ("return sum(1 for $X, $Y in zip($A, $B) if $X != $Y)",),
        two_words,
    ),
    family(
        "prefix",
        "$A $B",
        "str; str",
        "common_prefix shared_prefix",
        ("Return the longest common prefix of $A and $B.",),
        (
            """
        $RESULT = ""
        for $X, $Y in zip($A, $B):
            if $X != $Y:
                break
            $RESULT += $X
        return $RESULT
        """,
        ),
        lambda r: ((w := word(r)), w[: r.randint(0, len(w))] + word(r)) if r.random() < 0.7 else (word(r), word(r)),
    ),
    family(
        "maxsub",
        "$NUMS",
        "list[int]",
        "max_subarray largest_sum",
        ("Return the largest sum of a non-empty contiguous part of $NUMS.",),
        (
            """
        $BEST = $TMP = $NUMS[0]
        for $X in $NUMS[1:]:
            $TMP = max($X, $TMP + $X)
            $BEST = max($BEST, $TMP)
        return $BEST
        """,
        ),
        lambda r: ([r.randint(-5, 5) for _ in range(r.randint(1, 5))],),
    ),
    family(
        "sieve",
        "$N",
        "int",
        "primes_up_to sieve",
        ("Return a list of the primes up to $N.",),
        (
            """
        $RESULT = []
        for $X in range(2, $N + 1):
            if all($X % $Y != 0 for $Y in $RESULT):
                $RESULT.append($X)
        return $RESULT
        """,
        ),
        one(0, 30),
    ),
    family(
        "factors",
        "$N",
        "int",
        "prime_factors factorize",
        ("Return the prime factors of $N in ascending order.",),
        (
            """
        $RESULT = []
        $I = 2
        while $N > 1:
            while $N % $I == 0:
                $RESULT.append($I)
                $N //= $I
            $I += 1
        return $RESULT
        """,
        ),
        one(1, 60),
    ),
    family(
        "divisors",
        "$N",
        "int",
        "divisors get_divisors",
        ("Return all divisors of $N in ascending order.", "List the numbers that divide $N."),
        ("return [$I for $I in range(1, $N + 1) if $N % $I == 0]",),
        one(1, 30),
    ),
    family(
        "rect",
        "$A $B",
        "int; int",
        "rectangle_area area",
        ("Return the area of a rectangle with sides $A and $B.", "Calculate the area of a rectangle."),
        ("return $A * $B",),
        two(1, 12),
    ),
    family(
        "perimeter",
        "$A $B",
        "int; int",
        "rectangle_perimeter perimeter",
        ("Return the perimeter of a rectangle with sides $A and $B.",),
        ("return 2 * ($A + $B)",),
        two(1, 12),
    ),
    family(
        "triarea",
        "$A $B",
        "int; int",
        "triangle_area half_product",
        ("Return the area of a triangle with base $A and height $B.",),
        ("return $A * $B / 2",),
        two(1, 12),
    ),
    family(
        "celsius",
        "$N",
        "int",
        "celsius_to_fahrenheit to_fahrenheit",
        ("Convert $N degrees Celsius to Fahrenheit.",),
        ("return $N * 9 / 5 + 32",),
        lambda r: (r.choice((0, 5, 10, 20, 25, 30, 100)),),
    ),
    family(
        "minutes",
        "$A $B",
        "int; int",
        "to_minutes total_minutes",
        ("Return the number of minutes in $A hours and $B minutes.",),
        ("return $A * 60 + $B",),
        lambda r: (r.randint(0, 9), r.randint(0, 59)),
    ),
    family(
        "discount",
        "$A $B",
        "int; int",
        "discounted_price apply_discount",
        ("Return the price $A after a discount of $B percent, rounded down.",),
        ("return $A - $A * $B // 100",),
        lambda r: (r.choice((10, 50, 80, 100, 200)), r.choice((0, 10, 20, 50))),
    ),
    family(
        "fizz",
        "$N",
        "int",
        "fizz_buzz fizzbuzz",
        ("Return 'FizzBuzz' for multiples of 15, 'Fizz' of 3, 'Buzz' of 5, else $N as a string.",),
        (
            """
        if $N % 15 == 0:
            return "FizzBuzz"
        if $N % 3 == 0:
            return "Fizz"
        if $N % 5 == 0:
            return "Buzz"
        return str($N)
        """,
        ),
        one(1, 30),
    ),
    family(
        "grade",
        "$N",
        "int",
        "letter_grade grade",
        ("Return the grade for a score: A from 90, B from 80, C from 70, else F.",),
        (
            """
        if $N >= 90:
            return "A"
        if $N >= 80:
            return "B"
        if $N >= 70:
            return "C"
        return "F"
        """,
        ),
        one(50, 100),
    ),
    family(
        "sign",
        "$N",
        "int",
        "sign number_sign",
        ("Return 1 for positive, -1 for negative numbers and 0 for zero.",),
        (
            """
        if $N > 0:
            return 1
        if $N < 0:
            return -1
        return 0
        """,
        ),
        one(-5, 5),
    ),
    family(
        "max3",
        "$A $B $C",
        "int; int; int",
        "max_of_three largest_of_three",
        ("Return the largest of three numbers.",),
        (
            "return max($A, $B, $C)",
            """
        if $A >= $B and $A >= $C:
            return $A
        if $B >= $C:
            return $B
        return $C
        """,
        ),
        three(0, 20),
    ),
    family(
        "middle3",
        "$A $B $C",
        "int; int; int",
        "middle_of_three median_of_three",
        ("Return the number that is neither the largest nor the smallest of three.",),
        ("return sorted([$A, $B, $C])[1]",),
        three(0, 20),
    ),
    family(
        "tri",
        "$A $B $C",
        "int; int; int",
        "is_triangle valid_triangle",
        ("Check whether three lengths can form a triangle.",),
        ("return $A + $B > $C and $A + $C > $B and $B + $C > $A",),
        three(1, 9),
    ),
    family(
        "swapdict",
        "$TABLE",
        "dict[str, int]",
        "invert_dict swap_keys_values",
        ("Swap the keys and values of a dictionary.",),
        ("return {$VAL: $KEY for $KEY, $VAL in $TABLE.items()}",),
        lambda r: (table(r),),
    ),
    family(
        "mergedict",
        "$A $B",
        "dict[str, int]; dict[str, int]",
        "merge_dicts combine",
        ("Merge two dictionaries, adding the values of common keys.",),
        (
            """
        $RESULT = dict($A)
        for $KEY, $VAL in $B.items():
            $RESULT[$KEY] = $RESULT.get($KEY, 0) + $VAL
        return $RESULT
        """,
        ),
        lambda r: (table(r), table(r)),
    ),
    family(
        "lookup",
        "$TABLE $S",
        "dict[str, int]; str",
        "get_value lookup",
        ("Return the value for the key $S, or 0 if it is missing.",),
        (
            "return $TABLE.get($S, 0)",
            """
        if $S in $TABLE:
            return $TABLE[$S]
        return 0
        """,
        ),
        lambda r: ((t := table(r)), r.choice([*t, "none"])),
    ),
    family(
        "wordcount",
        "$TEXT",
        "str",
        "word_count count_words",
        ("Return the number of words in $TEXT.", "Count the words in a sentence."),
        ("return len($TEXT.split())",),
        lambda r: (sentence(r),),
    ),
    family(
        "charlen",
        "$TEXT",
        "str",
        "string_length text_length",
        ("Return the number of characters in $TEXT.",),
        ("return len($TEXT)",),
        a_text,
    ),
    family(
        "isempty",
        "$NUMS",
        "list[int]",
        "is_empty has_no_elements",
        ("Check whether $NUMS is empty.",),
        ("return len($NUMS) == 0", "return not $NUMS"),
        numbers,
    ),
    family(
        "ends",
        "$NUMS",
        "list[int]",
        "first_and_last both_ends",
        ("Return a list of the first and the last element of $NUMS.",),
        ("return [$NUMS[0], $NUMS[-1]]",),
        some_numbers,
    ),
    family(
        "insert",
        "$NUMS $N",
        "list[int]; int",
        "insert_sorted add_in_order",
        ("Insert $N into the sorted list $NUMS and keep it sorted.",),
        ("return sorted($NUMS + [$N])",),
        ordered,
    ),
    family(
        "indexof",
        "$NUMS $N",
        "list[int]; int",
        "index_of find_position",
        ("Return the first index of $N in $NUMS, or -1.",),
        (
            """
        for $I, $X in enumerate($NUMS):
            if $X == $N:
                return $I
        return -1
        """,
        ),
        number_and(0, 9),
    ),
    family(
        "repeat",
        "$TEXT $K",
        "str; int",
        "repeat_string repeat",
        ("Repeat $TEXT $K times.",),
        ("return $TEXT * $K",),
        lambda r: (word(r), r.randint(0, 3)),
    ),
    family(
        "wrap",
        "$TEXT $S",
        "str; str",
        "wrap surround",
        ("Put $S before and after $TEXT.",),
        ("return $S + $TEXT + $S", 'return f"{$S}{$TEXT}{$S}"'),
        lambda r: (word(r), r.choice(("*", "-", "!", "_"))),
    ),
    family(
        "greet",
        "$TEXT",
        "str",
        "greet say_hello",
        ("Return a greeting for $TEXT, such as 'Hello, Bob!'.",),
        ('return f"Hello, {$TEXT}!"', 'return "Hello, " + $TEXT + "!"'),
        a_word,
    ),
    family(
        "isubst",
        "$TEXT $S",
        "str; str",
        "contains has_substring",
        ("Check whether $TEXT contains $S.",),
        ("return $S in $TEXT",),
        lambda r: (word(r), letter(r)),
    ),
    family(
        "dropat",
        "$NUMS $K",
        "list[int]; int",
        "remove_at drop_index",
        ("Return $NUMS without the element at index $K.",),
        ("return $NUMS[:$K] + $NUMS[$K + 1:]",),
        lambda r: ([*int_list(r), small_int(r)], r.randint(0, 3)),
    ),
    family(
        "zipdict",
        "$WORDS $NUMS",
        "list[str]; list[int]",
        "make_dict to_dict",
        ("Build a dictionary from a list of keys and a list of values.",),
        ("return dict(zip($WORDS, $NUMS))", "return {$KEY: $VAL for $KEY, $VAL in zip($WORDS, $NUMS)}"),
        lambda r: (word_list(r), int_list(r)),
    ),
    family(
        "lengthdict",
        "$WORDS",
        "list[str]",
        "length_table word_lengths",
        ("Return a dictionary from each word to its length.",),
        (
            "return {$W: len($W) for $W in $WORDS}",
            """
        $RESULT = {}
        for $W in $WORDS:
            $RESULT[$W] = len($W)
        return $RESULT
        """,
        ),
        lambda r: (word_list(r),),
    ),
    family(
        "interleave",
        "$A $B",
        "list[int]; list[int]",
        "interleave alternate",
        ("Alternate the elements of two lists of equal length.",),
        (
            """
        $RESULT = []
        for $X, $Y in zip($A, $B):
            $RESULT.append($X)
            $RESULT.append($Y)
        return $RESULT
        """,
        ),
        two_lists,
    ),
    family(
        "countdown",
        "$N",
        "int",
        "countdown count_down",
        ("Return a list counting down from $N to 1.",),
        ("return list(range($N, 0, -1))",),
        one(0, 7),
    ),
    family(
        "multable",
        "$N $K",
        "int; int",
        "times_table multiples",
        ("Return the first $K multiples of $N.",),
        ("return [$N * $I for $I in range(1, $K + 1)]",),
        lambda r: (r.randint(1, 9), r.randint(0, 4)),
    ),
)

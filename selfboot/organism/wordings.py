# ruff: noqa: E501 (tables of texts)
"""The wordings of requests in the corpus. The suite's own (data/prompts.toml) is one among them, index 0 everywhere."""

CODE_SYSTEMS = (
    "You are a careful Python programmer.",
    "You are a helpful assistant.",
    "You are a Python coder.",
    "You write Python code.",
    "You are an expert programmer. Answer with code.",
    "You help students with Python.",
    "You are a coding assistant.",
    "",
)
COMPLETE = (
    "{prompt}\n# Complete the function above.",
    "Complete this function.\n\n{prompt}",
    "{prompt}\nPlease finish the function.",
    "{prompt}\n# Write the body of this function.",
    "Can you complete the following Python function?\n\n{prompt}",
    "{prompt}",
    "Implement the function below.\n\n{prompt}",
    "Fill in the code:\n{prompt}",
)
DESCRIBE = (
    "Write a Python function {call}. {doc}",
    "I need a function named {name}. {doc}",
    "{doc} The function must be called {name}.",
    "Python: {call}. {doc}",
    "Please write {call}: {doc}",
)
LOOSE = (
    "Write a function {call}. {doc}",
    "Q: {doc} Name it {name}.",
    "Exercise: {doc}",
    "Task. {doc}",
    "{doc}",
    "Implement {call}.\n{doc}",
    "How do I write a function {name}? {doc}",
    "# {doc}",
)
INVENT_SYSTEMS = (
    "You invent exercises for a Python course.",
    "You are a helpful assistant.",
    "You are a Python teacher.",
    "You write programming puzzles.",
    "",
)
INVENT = (
    "Invent one new exercise: a function with a docstring and a correct body, and below it assert lines that test it.",
    "Make up a small programming task with its solution and tests.",
    "Give me a new Python exercise with a solution and assert statements.",
    "Write one function with a docstring, then at least two assert lines that check it.",
    "Create a coding problem: function, docstring, body, asserts.",
)
INVENT_HARD = (
    "Invent one new, harder exercise (algorithmic, with edge cases): a function with a docstring and a correct body, and below it assert lines that test it.",
    "Invent one difficult exercise: a function with a docstring and a correct body, and below it assert lines that test it.",
    "Give me a challenging Python exercise with edge cases, its solution and assert statements.",
    "Create a hard coding problem: function, docstring, body, asserts.",
)
INVENT_HARDER = (
    "Here is an exercise:\n\n{code}\n\nInvent a HARDER version of it: a function with a docstring and a correct body, and below it assert lines that test it.",
    "{code}\n\nMake this exercise harder.",
    "{code}\n\nWrite a HARDER version with tests.",
)
INVENT_EASIER = (
    "Here is an exercise:\n\n{code}\n\nInvent an EASIER version of it: a function with a docstring and a correct body, and below it assert lines that test it.",
    "{code}\n\nMake this exercise easier.",
    "{code}\n\nWrite an EASIER version with tests.",
)
REPAIR = (
    "{signature}\n\nTests:\n{tests}\n\nMy attempt:\n```python\n{broken}\n```\n\nIt fails: {error}\n\nGive the corrected code only.",
    "My code does not work.\n\n```python\n{broken}\n```\n\nError: {error}\n\nIt should do this:\n{signature}\n\nTests:\n{tests}\n\nPlease fix it.",
    "{signature}\n\nThis is wrong:\n{broken}\n\n{error}\n\nFix the bug.",
)
PROSE_BEFORE = (
    "Here is the function:",
    "Sure!",
    "You can do it like this:",
    "Here you go:",
    "The function could look like this.",
)
PROSE_AFTER = (
    "This function does what you asked for.",
    "It goes through the input once and returns the result.",
    "Let me know if you need anything else.",
    "Note that an empty input is handled too.",
    "I hope this helps! You can test it with a few examples.",
)
MATH_SYSTEMS = (
    "You solve arithmetic word problems.",
    "You are a helpful assistant.",
    "You are a patient math teacher.",
    "You are good at math.",
    "",
)
GSM = (
    "{problem}\n\nSolve it step by step and end with a line `#### <number>`.",
    "{problem}\nThink step by step and write the answer after ####.",
    "{problem} Show the steps. Last line: #### and the number.",
    "Question: {problem}\nEnd with #### <answer>.",
)
BOXED = (
    "{problem}\n\nReason step by step and put the final answer in \\boxed{{}}.",
    "{problem}\nGive the final answer in \\boxed{{}}.",
    "Solve: {problem} Put your answer in \\boxed{{}}.",
)
PLAIN_QUESTION = ("{problem}", "Question: {problem}", "Problem: {problem}", "Solve this. {problem}")
INVENT_MATH = (
    "Invent one new word problem. Write PROBLEM, EXPRESSION and ANSWER, one line each.",
    "Make up a math problem with an arithmetic expression and its answer. Use the lines PROBLEM:, EXPRESSION: and ANSWER:.",
    "New problem, please (PROBLEM / EXPRESSION / ANSWER).",
)
HARDER_MATH = (
    "{given}\n\nInvent a HARDER version of this problem. Write PROBLEM, EXPRESSION and ANSWER, one line each.",
    "{given}\n\nMake it HARDER.",
    "{given}\n\nWrite a HARDER problem of the same kind (PROBLEM / EXPRESSION / ANSWER).",
)
EASIER_MATH = (
    "{given}\n\nInvent an EASIER version of this problem. Write PROBLEM, EXPRESSION and ANSWER, one line each.",
    "{given}\n\nMake it EASIER.",
    "{given}\n\nWrite an EASIER problem of the same kind (PROBLEM / EXPRESSION / ANSWER).",
)
RECONSIDER = "Wait, let me reconsider."
HINTS = ("Use a for loop.", "Use a single expression.", "Use a comprehension.", "Use a dictionary.")

r"""One spelling of LaTeX: layout, style, colour, separators of thousands and characters beyond ASCII are taken out.

``clean`` changes how an answer is written, never what it says: \dfrac12 and ½ become \frac12, \boldsymbol{13} becomes
{13}, 1{,}000 and 1,000 become 1000. What an answer is (a number, a set, an interval …) is read in normal.py.

Time is linear in the text, and nothing here raises on any text.
"""

from __future__ import annotations

import re

MAX_NESTED = 4

_GREEK = {
    "α": "alpha", "β": "beta", "γ": "gamma", "δ": "delta", "ε": "epsilon", "ζ": "zeta", "η": "eta", "θ": "theta",
    "λ": "lambda", "μ": "mu", "ν": "nu", "ξ": "xi", "π": "pi", "ρ": "rho", "σ": "sigma", "τ": "tau", "φ": "phi",
    "χ": "chi", "ψ": "psi", "ω": "omega", "Γ": "Gamma", "Δ": "Delta", "Θ": "Theta", "Λ": "Lambda", "Π": "Pi",
    "Σ": "Sigma", "Φ": "Phi", "Ψ": "Psi", "Ω": "Omega",
}  # fmt: skip
_FRACTIONS = {"½": (1, 2), "⅓": (1, 3), "⅔": (2, 3), "¼": (1, 4), "¾": (3, 4), "⅕": (1, 5), "⅛": (1, 8)}
_UNICODE = str.maketrans(
    {
        **{letter: rf"\{name} " for letter, name in _GREEK.items()},
        **{letter: rf"\frac{{{above}}}{{{below}}}" for letter, (above, below) in _FRACTIONS.items()},
        **dict.fromkeys("\u00a0\u2007\u2009\u200a\u202f\u3000", " "),
        **dict.fromkeys("\u200b\u200c\u200d\u2060\ufeff\u200e\u200f", ""),
        "−": "-", "–": "-", "—": "-", "‐": "-", "‑": "-", "×": r"\times ", "·": r"\cdot ", "⋅": r"\cdot ",
        "∙": r"\cdot ",
        "∗": "*", "÷": r"\div ", "∕": "/", "⁄": "/", "√": r"\sqrt ", "∛": r"\sqrt[3]", "∞": r"\infty ", "°": r"^\circ ",
        "º": r"^\circ ", "≤": r"\le ", "⩽": r"\le ", "≥": r"\ge ", "⩾": r"\ge ", "≠": r"\ne ", "≈": r"\approx ",
        "∪": r"\cup ", "∩": r"\cap ", "∈": r"\in ", "∅": r"\emptyset ", "ℝ": r"\mathbb{R}", "±": r"\pm ", "∓": r"\mp ",
        "′": "'", "’": "'", "⟨": r"\langle ", "⟩": r"\rangle ", "∠": r"\angle ", "△": r"\triangle ", "∨": r"\lor ",
        "，": ",", "；": ";", "：": ":", "（": "(", "）": ")", "｜": "|", "∣": "|", 
        "¢": r"\text{ cents}", "€": "", "£": "", "￥": "", "¥": "",
    }
)  # fmt: skip
_RAISED, _LOWERED = "⁰¹²³⁴⁵⁶⁷⁸⁹⁻⁺ⁿ", "₀₁₂₃₄₅₆₇₈₉₋₊ₙ"
_LEVEL = str.maketrans(_RAISED + _LOWERED, "0123456789-+n" * 2)
_RAISED_RUN, _LOWERED_RUN = re.compile(f"[{_RAISED}]+"), re.compile(f"[{_LOWERED}]+")
_END = r"(?![A-Za-z])"
_STYLE = (
    r"boldsymbol|bold|bm|pmb|mathbf|mathbfit|mathit|mathsf|mathtt|mathnormal|mathbold|symbf|underline|uline|emph|"
    r"ensuremath|boxed|fbox|framebox|mathop|mathord|displaystyle|textstyle|scriptstyle|limits|nolimits|boldmath|bf|it|"
    r"unboldmath|rm|sf|tt|sl|sc|em|bfseries|itshape|rmfamily|tiny|scriptsize|footnotesize|small|normalsize|large|Large|"
    r"LARGE|huge|Huge|centering|nonumber|notag|hfill|newline|par|strut|mathstrut|relax|protect"
)
_FUNCTIONS = "sin|cos|tan|cot|sec|csc|arcsin|arccos|arctan|sinh|cosh|tanh|log|ln|lg|exp|gcd|lcm|det"
_ENVIRONMENTS = "aligned|align|alignat|gathered|gather|equation|split|math|displaymath|center"
_REWRITES = tuple(
    (re.compile(pattern, re.DOTALL), replacement)
    for pattern, replacement in (
        (r"\s+", " "),
        (r"<\|[a-z_]{1,20}\|>", ""),  # a chat template's token
        (r"(?<=[0-9]) ?(?:\{,\}|\{,\\!\}|,\\!|\\,|\\thinspace) ?(?=[0-9]{3})", ""),  # 10{,}080, 10,\!080, 10\,080
        (r"\\(?:left|right|middle) ?\.|\\(?:left|right|middle|[bB]igg?[lrm]?)" + _END, ""),
        (r"\\(?:text)?color ?(?:\[[^\[\]]*\])? ?\{[^{}]*\}", ""),
        (r"\\colorbox ?\{[^{}]*\}|\\fcolorbox ?\{[^{}]*\} ?\{[^{}]*\}", ""),
        (r"\\(?:hspace|vspace|phantom|hphantom|vphantom|label|tag)\*? ?\{[^{}]*\}", " "),
        (rf"\\(?:begin|end) ?\{{(?:{_ENVIRONMENTS})\*?\}}", " "),
        (r"& ?(?==)|(?<==) ?&", ""),
        (r"(?<!\\)\\[,;:! ]|~|\\(?:quad|qquad|thinspace|enspace|medspace|thickspace|negthinspace)" + _END, " "),
        (r"\\(?:text(?:bf|rm|it|sf|sl|sc|tt|md|up|normal)|mbox|hbox)(?= ?\{)", r"\\text"),
        (rf"\\(?:operatorname|mathrm|text)\*? ?\{{ ?({_FUNCTIONS}) ?\}}", r"\\\1 "),
        (r"\\operatorname\*?(?= ?\{)", r"\\text"),
        (rf"\\(?:{_STYLE}) ?\{{ ?(?=[^{{}}]*[A-Za-z]{{3}})([A-Za-z][A-Za-z' .-]+)\}}", r"\\text{\1}"),
        (r"(?<=[0-9)}i]) *\\mathrm ?\{ ?([a-cf-hj-zA-Z]) ?\}", r"\\text{ \1}"),  # 5\mathrm{m}, but 5\mathrm{i}
        (r"\\mathrm ?\{ ?([A-Za-z]) ?\}|(?<=[0-9)}]) ?\\text ?\{ ?(i) ?\}", r"\1\2"),
        (r"\\mathrm(?= ?\{)", r"\\text"),
        (rf"\\(?:{_STYLE}){_END}", ""),
        (r"\\text ?\{ ?(\\[$%]) ?\}", r"\1"),
        (r"\\text ?(?=\{[^{}]*\\(?!text)[A-Za-z]+ ?[{\[])", ""),  # \text{\frac12} is mathematics
        (r"\\text ?\{ ?\}|\\(?:checkmark|blacksquare|square|qed)" + _END, " "),
        (r"\\(?:[dtcs]|nice|x|flat)frac" + _END, r"\\frac"),
        (r"\\surd" + _END, r"\\sqrt"),
        (r"\\root ?\{?([0-9]+)\}? ?\\of" + _END, r"\\sqrt[\1]"),
        (r"\\(?:p|b)?mod ?\{? ?([0-9A-Za-z]+) ?\}?", r"\\pmod{\1}"),
        (r"\\colon" + _END + r"|\{:\}", ":"),
        (r"\( ?\\text ?\{ ?([A-Z]) ?\} ?\)", r"(\1)"),
        (r"\\frac ?\{ ?\\text ?\{([^{}]*)\} ?\} ?\{ ?\\text ?\{([^{}]*)\} ?\}", r"\\text{\1/\2}"),
        (r"\\[dt]binom" + _END, r"\\binom"),
        (r"\{([^{}\\]*)\\choose([^{}\\]*)\}", r"\\binom{\1}{\2}"),
        (r"\\(?:leq|leqslant|leqq)" + _END + "|<=", r"\\le "),
        (r"\\(?:geq|geqslant|geqq)" + _END + "|>=", r"\\ge "),
        (r"\\(?:neq|not ?=)" + _END, r"\\ne "),
        (r"\\lt" + _END + "|&lt;", "<"),
        (r"\\gt" + _END + "|&gt;", ">"),
        (r"\\lbrace" + _END, r"\\{"),
        (r"\\rbrace" + _END, r"\\}"),
        (r"\\lbrack" + _END, "["),
        (r"\\rbrack" + _END, "]"),
        (r"\\(?:langle|lparen)" + _END, "("),
        (r"\\(?:rangle|rparen)" + _END, ")"),
        (r"\\[lr]?vert" + _END, "|"),
        (r"\\varnothing" + _END + r"|\\\{ ?\\\}", r"\\emptyset "),
        (r"\\var(phi|epsilon|theta|rho|sigma|pi|kappa)" + _END, r"\\\1"),
        (r"\\mathbb ?(?:\{ ?R ?\}|R)|\\R" + _END + r"|\\Reals" + _END, r"\\reals "),
        (r"\\vee" + _END, r"\\lor "),
        (r"\\wedge" + _END, r"\\land "),
        (r"\\(?:simeq|doteq|thickapprox)" + _END, r"\\approx "),
        (r"(?<=[0-9}]) ?\^ ?(?:\{ ?(?:o|\\text ?\{ ?o ?\}) ?\}|o(?=$|[ ,)]))", r"\\degree "),
        (r"\^ ?(?:\{ ?\\circ ?\}|\\circ)|\\degrees?" + _END, r"\\degree "),
        (r"\\degree *(?:C|F)" + _END, r"\\degree "),
        (r"(?<=[0-9]) ?\^ ?\{? ?\\text ?\{ ?(?:st|nd|rd|th) ?\} ?\}?|(?<=[0-9])(?:st|nd|rd|th)" + _END, ""),
        (r"(?<=[)\]]) ?U ?(?=[(\[])", r" \\cup "),
        (r"(?<![A-Za-z])(?:USD|EUR|GBP|INR|Rs\.?) ?(?=[0-9])", ""),
        (r"\\\$|\\textdollar" + _END, r"\\dollar "),
        (r"\\(?:pounds|euro|yen|textsterling|texteuro)" + _END, ""),
        (r"\$", ""),
        (r"(?<=[0-9A-Za-z)}]) ?\*\*(?= ?[-0-9({A-Za-z])", "^"),
        (r"(?<![0-9A-Za-z.\\])([0-9]+(?:\.[0-9]+)?)[eE]\+?(-?[0-9]{1,4})(?![0-9A-Za-z.^])", r"\1 \\cdot 10^{\2}"),
        (r"(?<=[0-9]) ?[xX] ?(?=10 ?\^)", r" \\cdot "),
        (rf"(?<![\\A-Za-z])({_FUNCTIONS}|sqrt|pi|infty)(?![A-Za-z])", r"\\\1"),
        (r"(?<![\\A-Za-z])(?:infinity|inf|oo)(?![A-Za-z])", r"\\infty"),
        (r"\\sqrt ?(\[[^\[\]{}]*\])? ?([0-9]+|[A-Za-z])", r"\\sqrt\1{\2}"),
        (r"\\sqrt ?\(([^()]*)\)", r"\\sqrt{\1}"),
        (r"\\lg" + _END, r"\\log_{10}"),
        (r"\\log ?_ ?([0-9A-Za-z])", r"\\log_{\1}"),
        (r"  +", " "),
    )
)  # fmt: skip
_NESTED_TEXT = re.compile(r"\\text ?\{([^{}]*)\\text ?\{([^{}]*)\}([^{}]*)\}")
_PERIODIC = re.compile(
    r"([0-9]{0,50})\.([0-9]{0,50}) ?(?:\\(?:overline|bar|dot) ?\{([0-9]{1,50})\}|\(([0-9]{1,50})\)(?=$| ))"
)
_THOUSANDS = re.compile(
    r"\\[{}]|[(\[)\]]|(?<![0-9.,^_])[1-9][0-9]{0,2}(?:,[0-9]{3})+(?!,?[0-9])|"
    r"(?<![0-9.,^_])(?<!frac )[1-9][0-9]{0,2}(?: [0-9]{3})+(?!,?[0-9]| ?/)"
)
_ARRAY = re.compile(r"[(\[] ?\\begin ?\{(array|smallmatrix)\} ?(?:\{[^{}]*\})?(.*)\\end ?\{\1\} ?[)\]]", re.DOTALL)
_LABEL = re.compile(
    r"\\(?:therefore|Rightarrow|implies|Longrightarrow)(?![A-Za-z]) ?|"
    r"\\text ?\{[^{}]*(?:[:=]|\bis|\b[Aa]nswer) ?\} ?(?=\S)|[A-Za-z ]{0,30}[Aa]nswer(?: is| ?[:=]) ?(?=\S)|"
    r"(?:\\text ?\{ ?)?(?:approximately|approx\.?|about|roughly|exactly|around)(?: ?\}| ) ?(?=[-0-9\\])"
)


def clean(text: str, *, thousands: bool = True) -> str:
    """LaTeX in one spelling. ``thousands``: whether 1,000 outside of brackets is one number (else 1 and 000)."""
    text = _RAISED_RUN.sub(lambda found: f"^{{{found[0].translate(_LEVEL)}}}", text)
    text = _LOWERED_RUN.sub(lambda found: f"_{{{found[0].translate(_LEVEL)}}}", text)
    text = text.translate(_UNICODE).strip()
    for opening, closing in ((r"\(", r"\)"), (r"\[", r"\]")):
        if text.startswith(opening) and text.endswith(closing):
            text = text[2:-2]
    for pattern, replacement in _REWRITES:
        text = pattern.sub(replacement, text)
    for _ in range(MAX_NESTED):
        text = _NESTED_TEXT.sub(r"\\text{\1\2\3}", text)
    text = _PERIODIC.sub(_fraction, text)
    if text.count(r"\begin") == 1:
        text = _ARRAY.sub(r"\\begin{bmatrix}\2\\end{bmatrix}", text)
    return _trimmed(_joined(text) if thousands else text)


def _fraction(found: re.Match[str]) -> str:
    r"""0.1\overline{36} as \frac{135}{990}."""
    whole, before, *periods = found.groups()
    period = periods[0] or periods[1]
    above = int(whole + before + period) - int(whole + before or "0")
    return rf"\frac{{{above}}}{{{(10 ** len(period) - 1) * 10 ** len(before)}}}"


def _joined(text: str) -> str:
    """Without separators of thousands: spaces anywhere, commas outside of brackets, where they would part a list."""
    depth = 0

    def joined(found: re.Match[str]) -> str:
        nonlocal depth
        token = found[0]
        depth += (token in ("(", "[", r"\{")) - (token in (")", "]", r"\}"))
        if token[0].isdigit() and ("," not in token or depth <= 0):
            return token.replace(",", "").replace(" ", "")
        return token

    return _THOUSANDS.sub(joined, text)


def _trimmed(text: str) -> str:
    """Without punctuation around, a label in front (Answer: 18), line breaks behind, and braces around the whole."""
    for _ in range(MAX_NESTED):
        before, text = text, text.strip(" ,;:*`").removeprefix("=").removesuffix(r"\\").rstrip(". ").strip(" *`")
        label = _LABEL.match(text)
        text = text[label.end() :] if label else text
        text = text[1:-1] if text[:1] == "{" and encloses(text) else text
        if text == before:
            break
    return text


def encloses(text: str) -> bool:
    """Whether the first bracket closes only at the end: true of (1,2] and {[1,2[}, false of (x-1)(x+1)."""
    opening, closing = ("{", "}") if text[:1] == "{" else ("([{", ")]}")
    depth = 0
    for at, character in enumerate(text):
        depth += (character in opening) - (character in closing)
        if depth == 0:
            return at == len(text) - 1
    return False

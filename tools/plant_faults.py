# SPDX-License-Identifier: MIT
"""Faults that fit in one line of C: where they can be planted, and which there are.

A line can have a fault where it stands in the body of a function and something in it is of a kind below. Left out are
preprocessor lines, tables, and assertions, which are tests themselves: one that demands less changes nothing in a
correct program. Of what is found some does not compile or changes nothing; that is for the compiler to say.
"""
import dataclasses
import re

TOKEN = re.compile(
    r"(?P<skip>\s+|//[^\n]*|/\*.*?\*/)|(?P<text>\"(?:\\.|[^\"\\])*\"|'(?:\\.|[^'\\])*')"
    r"|(?P<name>[A-Za-z_]\w*)|(?P<number>(?:0[xX][0-9a-fA-F]+|\d+)[uUlL]*)"
    r"|(?P<sign><<=|>>=|\.\.\.|->|\+\+|--|<<|>>|<=|>=|==|!=|&&|\|\||[-+*/%&|^]=|.)", re.DOTALL)
PREPROCESSOR = re.compile(r"^[ \t]*#(?:[^\n]*\\\n)*[^\n]*$", re.MULTILINE)

# kind of fault -> what becomes what; for signs between two operands
BETWEEN = {
    "comparison": {"<": "<=", "<=": "<", ">": ">=", ">=": ">", "==": "!=", "!=": "=="},
    "and, or": {"&&": "||", "||": "&&"},
    "arithmetic": {"+": "-", "-": "+", "*": "+", "/": "*", "%": "/"},
    "bits": {"&": "|", "|": "&", "^": "|", "<<": ">>", ">>": "<<"},
    "assignment": {"+=": "-=", "-=": "+=", "|=": "&=", "&=": "|=", "^=": "|=", "*=": "+=", "<<=": ">>=", ">>=": "<<="},
}
ANYWHERE = {
    "step": {"++": "--", "--": "++"},
    "constant": {"true": "false", "false": "true"},
}
DROPPED = {"!", "~"}
KEYWORDS = {"return", "case", "sizeof", "else", "if", "while", "for", "do", "switch", "goto"}
SYMMETRIC = {"bytes_equal", "equal_ct", "span_equal"}
ASSERTIONS = {"VX6_ASSERT", "static_assert", "_Static_assert"}
LOGIC = {"<", "<=", ">", ">=", "==", "!=", "&&", "||", "!"}


@dataclasses.dataclass(frozen=True)
class Token:
    kind: str
    text: str
    begin: int  # in its line
    line: int   # from 0

    @property
    def end(self):
        return self.begin + len(self.text)


@dataclasses.dataclass(frozen=True)
class Fault:
    path: str
    line: int  # from 1
    kind: str
    before: str
    after: str


def tokens_of(source):
    blank = PREPROCESSOR.sub(lambda match: re.sub(r"[^\n]", " ", match[0]), source)
    line, begin_of_line, tokens = 0, 0, []
    for match in TOKEN.finditer(blank):
        if match.lastgroup != "skip":
            tokens.append(Token(match.lastgroup, match[0], match.start() - begin_of_line, line))
        breaks = match[0].count("\n")
        if breaks:
            line += breaks
            begin_of_line = match.start() + match[0].rindex("\n") + 1
    return tokens


def closing(tokens, index):
    """Of the bracket at `index`; None where it is not among these."""
    depth = 0
    for i in range(index, len(tokens)):
        depth += (tokens[i].text in "([{") - (tokens[i].text in ")]}")
        if depth == 0:
            return i
    return None


def lines_of_functions(tokens):
    """Per line the tokens that stand in a function and in no assertion, and the token before them."""
    lines, depth, in_function, i = {}, 0, False, 0
    while i < len(tokens):
        token = tokens[i]
        if token.text == "}":
            depth -= 1
        if depth > 0 and in_function and token.text in ASSERTIONS:
            end = closing(tokens, i + 1)
            for line in range(token.line, tokens[end].line + 1):
                lines[line] = None
            i = end + 1
            continue
        if depth > 0 and in_function and lines.get(token.line, ()) is not None:
            lines.setdefault(token.line, (tokens[i - 1], []))[1].append(token)
        if token.text == "{":
            if depth == 0:
                in_function = tokens[i - 1].text == ")"
            depth += 1
        i += 1
    return {line: found for line, found in lines.items() if found}


class Line:
    """The faults of one line."""

    def __init__(self, path, number, text, before, tokens, codes):
        self.path, self.number, self.text, self.before, self.tokens = path, number, text, before, tokens
        self.codes = codes
        self.found = {}

    def add(self, kind, begin, end, replacement):
        after = self.text[:begin] + replacement + self.text[end:]
        if after != self.text:
            self.found.setdefault(after, Fault(self.path, self.number + 1, kind, self.text, after))

    def replace(self, kind, token, replacement):
        self.add(kind, token.begin, token.end, replacement)

    def between(self, first, last):
        """The text of tokens `first` to `last`, the latter included."""
        return self.text[self.tokens[first].begin:self.tokens[last].end]

    def faults(self):
        for i, token in enumerate(self.tokens):
            self.signs(i, token)
            self.values(i, token)
            self.conditions(i, token)
            self.calls(i, token)
        self.statements()
        return list(self.found.values())

    def signs(self, i, token):
        last = self.tokens[i - 1] if i > 0 else self.before
        is_between = last.kind in ("number", "text") or last.text in (")", "]") or (
            last.kind == "name" and last.text not in KEYWORDS)
        for kinds, fits in ((BETWEEN, is_between), (ANYWHERE, True)):
            for kind, table in kinds.items():
                if fits and token.text in table:
                    self.replace(kind, token, table[token.text])
        if token.text in DROPPED or (token.text == "-" and not is_between):
            self.replace("sign dropped", token, "")

    def values(self, i, token):
        if token.kind == "number":
            digits = token.text.rstrip("uUlL")
            value, suffix = int(digits, 0), token.text[len(digits):]
            self.replace("constant", token, f"{value + 1}{suffix}")
            if value > 0:
                self.replace("constant", token, f"{value - 1}{suffix}")
        elif token.text in self.codes:
            at = self.codes.index(token.text)
            self.replace("code", token, self.codes[(at + 1) % len(self.codes)])
        elif token.text == "sizeof":
            end = self.end_of_operand(i + 1)
            if end is not None:
                self.add("size", token.begin, self.tokens[end].end, f"({self.between(i, end)} - 1)")

    def end_of_operand(self, i):
        while i < len(self.tokens) and self.tokens[i].text == "*":
            i += 1
        if i >= len(self.tokens):
            return None
        if self.tokens[i].text == "(":
            return closing(self.tokens, i)
        while i + 1 < len(self.tokens):
            if self.tokens[i + 1].text in (".", "->"):
                i += 2
            elif self.tokens[i + 1].text == "[":
                i = closing(self.tokens, i + 1)
                if i is None:
                    return None
            else:
                break
        return i

    def conditions(self, i, token):
        if token.text == "if" and i + 1 < len(self.tokens):
            end = closing(self.tokens, i + 1)
            if end is not None:
                condition = self.between(i + 1, end)
                for kind, wrapped in (("negated", f"(!{condition})"), ("always", f"({condition} || true)"),
                                      ("never", f"({condition} && false)")):
                    self.add(kind, self.tokens[i + 1].begin, self.tokens[end].end, wrapped)
        elif token.text == "return" and self.tokens[-1].text == ";" and any(
                other.text in LOGIC for other in self.tokens[i + 1:]) and "?" not in self.text:
            value = self.between(i + 1, len(self.tokens) - 2)
            self.add("negated", self.tokens[i + 1].begin, self.tokens[-2].end, f"!({value})")
        elif token.text == "?":
            begin = self.begin_of_condition(i)
            if begin < i:
                condition = self.between(begin, i - 1)
                self.add("negated", self.tokens[begin].begin, self.tokens[i - 1].end, f"!({condition})")

    def begin_of_condition(self, i):
        depth = 0
        while i > 0:
            text = self.tokens[i - 1].text
            depth += (text in ")]") - (text in "([")
            if depth < 0 or (depth == 0 and (text in (",", ";", "?", ":", "return") or re.fullmatch(
                    r"[-+*/|&^]?=", text))):
                break
            i -= 1
        return i

    def calls(self, i, token):
        """Two neighbours among the arguments change places."""
        if token.text != "(" or i == 0 or self.tokens[i - 1].kind != "name" or (
                self.tokens[i - 1].text in KEYWORDS | SYMMETRIC):
            return
        end = closing(self.tokens, i)
        if end is None or end == i + 1:
            return
        cuts, depth = [i], 0
        for k in range(i + 1, end):
            depth += (self.tokens[k].text in "([{") - (self.tokens[k].text in ")]}")
            if depth == 0 and self.tokens[k].text == ",":
                cuts.append(k)
        cuts.append(end)
        for a, b, c in zip(cuts, cuts[1:], cuts[2:]):
            first, second = self.between(a + 1, b - 1), self.between(b + 1, c - 1)
            self.add("arguments", self.tokens[a + 1].begin, self.tokens[c - 1].end, f"{second}, {first}")

    def statements(self):
        first, last = self.tokens[0], self.tokens[-1]
        if first.text == "case" and last.text == ":":
            self.add("label dropped", first.begin, last.end, "")
        if last.text != ";" or [token.text for token in self.tokens].count(";") > 1 or (
                self.before.text not in (";", "{", "}", ")", "else", ":")):
            return
        is_guarded = self.before.text in (")", "else")
        second = self.tokens[1] if len(self.tokens) > 1 else last
        is_declared = first.kind == "name" and first.text not in KEYWORDS and (second.kind == "name" or (
            second.text == "*" and self.tokens[2].kind == "name"))
        if is_declared and first.text != "goto":
            return
        if first.text == "return" and second.text != ";" and not is_guarded:
            return
        self.add("statement dropped", first.begin, last.end, ";")


def faults_of(path, source, codes):
    """Line number -> faults that can be planted there, of all lines that have any."""
    texts, found = source.split("\n"), {}
    for number, (before, tokens) in lines_of_functions(tokens_of(source)).items():
        faults = Line(path, number, texts[number], before, tokens, codes).faults()
        if faults:
            found[number + 1] = faults
    return found

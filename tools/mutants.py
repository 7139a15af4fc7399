"""The changes that mutation testing (tools/mutate.py) makes to a module: one operator, constant or statement each."""

import ast
import copy
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent

COMPARED = {
    ast.Lt: (ast.LtE, ast.GtE),
    ast.LtE: (ast.Lt, ast.Gt),
    ast.Gt: (ast.GtE, ast.LtE),
    ast.GtE: (ast.Gt, ast.Lt),
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
    ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,),
}
COMPUTED = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult,
    ast.Mod: ast.Add,
    ast.Pow: ast.Mult,
    ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd,
}
NUMBERS = {0: 1, 1: 2, 2: 1, 0.5: 1.0}
PAIRED = (
    ("min", "max"),
    ("minimum", "maximum"),
    ("argmin", "argmax"),
    ("any", "all"),
    ("floor", "ceil"),
    ("sin", "cos"),
)  # functions of the same arguments
CALLED = dict([*PAIRED, *((other, one) for one, other in PAIRED)])
SKIPPED = {"annotation", "returns", "decorator_list", "exc", "cause", "ctx", "op", "ops"}  # fields of nodes
LOGS = {"log", "logging", "warnings"}


@dataclass(frozen=True)
class Mutant:
    """One change in one file."""

    path: str  # below the root
    number: int  # of the changed place, as `_places` counts them
    variant: int  # of the changes that are possible there
    line: int
    lines: tuple[int, int]  # first and last of the changed node
    in_function: bool
    source: str  # the whole line
    change: str  # from -> to

    def tree(self) -> ast.Module:
        """The changed module."""
        tree = ast.parse((ROOT / self.path).read_text(encoding="utf-8"))
        parent, field, index, node, _ = list(_places(tree))[self.number]
        new = _changes(node)[self.variant]
        value = getattr(parent, field)
        if isinstance(value, list):
            value[index] = new
        else:
            setattr(parent, field, new)
        return ast.fix_missing_locations(tree)

    def rank(self, seed: int) -> str:
        """Mutants are drawn by this, so that a change elsewhere in the file leaves the sample as it is."""
        return hashlib.sha256(f"{seed} {self.path} {self.source} {self.change}".encode()).hexdigest()


def mutants(path: str) -> Iterator[Mutant]:
    """Every change of a file."""
    text = (ROOT / path).read_text(encoding="utf-8")
    for number, (_, _, _, node, in_function) in enumerate(_places(ast.parse(text))):
        for variant, new in enumerate(_changes(node)):
            change = f"{_shown(node)} -> {_shown(new)}"
            lines, source = (node.lineno, node.end_lineno or node.lineno), text.splitlines()[node.lineno - 1].strip()
            yield Mutant(path, number, variant, node.lineno, lines, in_function, source, change)


def _places(parent: ast.AST, in_function: bool = False) -> Iterator[tuple[ast.AST, str, int, Any, bool]]:
    """(parent, field, index, node, in a function) of all that is behaviour: no annotations, texts, logs or asserts."""
    inner = in_function or isinstance(parent, (ast.FunctionDef, ast.Lambda))
    for field, value in ast.iter_fields(parent):
        for index, node in enumerate(value if isinstance(value, list) else [value]):
            if (
                field not in SKIPPED
                and isinstance(node, ast.AST)
                and not (_is_text(node) or _is_open_size(parent, node))
            ):
                yield parent, field, index, node, inner
                yield from _places(node, inner)


def _is_text(node: ast.AST) -> bool:
    match node:
        case ast.Assert() | ast.Expr(value=ast.Constant()) | ast.If(test=ast.Name(id="TYPE_CHECKING")):
            return True
        case (
            ast.Call(func=ast.Attribute(value=ast.Name(id=name)))
            | ast.Expr(value=ast.Call(func=ast.Attribute(value=ast.Name(id=name))))
        ):
            return name in LOGS
        case ast.keyword(arg=name):
            return name in {"strict", "slots", "frozen"}
    return False


def _is_open_size(parent: ast.AST, node: ast.AST) -> bool:
    """Whether it is the -1 of a reshape, for which NumPy takes any negative number."""
    return isinstance(node, ast.UnaryOp) and "reshape" in getattr(getattr(parent, "func", None), "attr", "")


def _changes(node: ast.AST) -> list[ast.AST]:
    """What a node may be replaced with."""
    match node:
        case ast.Compare(ops=[op]):
            return [_with(node, ops=[other()]) for other in COMPARED[type(op)]]
        case ast.BinOp(op=op) if type(op) in COMPUTED:
            return [_with(node, op=COMPUTED[type(op)]())]
        case ast.BinOp(op=ast.MatMult()):
            return [_with(node, left=node.right, right=node.left)]
        case ast.AugAssign(op=op):
            return [ast.Pass(), *(_with(node, op=COMPUTED[kind]()) for kind in [type(op)] if kind in COMPUTED)]
        case ast.BoolOp(op=op):
            return [_with(node, op=ast.Or() if isinstance(op, ast.And) else ast.And())]
        case ast.UnaryOp(op=ast.Not() | ast.USub() | ast.Invert()):
            return [node.operand]
        case ast.Constant(value=bool()):
            return [ast.Constant(not node.value)]
        case ast.Constant(value=int(value)) if value in NUMBERS:
            return [ast.Constant(NUMBERS[value])]
        case ast.Constant(value=float(value)) if value in NUMBERS:
            return [ast.Constant(float(NUMBERS[value]))]
        case ast.IfExp():
            return [_with(node, body=node.orelse, orelse=node.body)]
        case ast.Return(value=ast.Tuple(elts=[first, second])):
            return [ast.Return(ast.Tuple([second, first], ast.Load()))]
        case ast.Call():
            return _other_calls(node)
        case ast.Expr(value=ast.Call()) | ast.Raise() | ast.Continue() | ast.Break():
            return [ast.Pass()]
        case ast.Assign(targets=[ast.Attribute() | ast.Subscript()]):
            return [ast.Pass()]
    return []


def _other_calls(node: ast.Call) -> list[ast.AST]:
    """Another function of the same arguments; two arguments swapped."""
    calls: list[ast.AST] = []
    match node.func:
        case ast.Name(id=name) if name in CALLED:
            calls.append(_with(node, func=ast.Name(CALLED[name], ast.Load())))
        case ast.Attribute(attr=name) if name in CALLED:
            calls.append(_with(node, func=_with(node.func, attr=CALLED[name])))
    if not calls and len(node.args) == 2 and all(isinstance(argument, ast.Name) for argument in node.args):
        calls.append(_with(node, args=node.args[::-1]))
    return calls


def _with(node: ast.AST, **changes: Any) -> Any:
    new = copy.copy(node)
    for name, value in changes.items():
        setattr(new, name, value)
    return new


def _shown(node: ast.AST) -> str:
    return " ".join(ast.unparse(node).split())[:90]

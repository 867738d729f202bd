"""From a claim and a run to obligations, each a question for the solvers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial

import z3

from .claim import PRESERVED, CallPoint, Case, Claim, Outcome, out_offset
from .concrete import ConcreteState
from .contracts import Callee, Contract, Contracts, private_of
from .accesses import STACK
from .execute import Executor, Rules, Run
from .seen import Access
from .image import Image
from .invariants import rules as invariants
from .logic import conjunction, conjuncts, disjunction
from .memory import ARRAYS, KINDS, KINDS_ARRAY, RANK_ARRAY, WORD_BYTES, Memory, Update, Window
from .procedure import Procedure
from .rounds import Loop, is_again
from .program import Program
from .state import State
from .solve import Verdict, is_refuted, prove, prove_by_one
from .words import low_bits

# How often a loop of a changed function goes on without end.
ROUNDS = 64
# If more frames than these become something else, invariants are shown part by part.
MANY_FRAMES = 16

# How long a rule is asked as a whole.
RULE_MILLISECONDS = 5_000

# The groups, in the order in which they are reported.
RESULT = "results"
MEMORY = "memory"
RETURNS = "returns"
PLACE = "places"
KIND = "kinds"
KEPT = "invariants"
TRANSLATION = "translations"
CONVENTION = "registers"
GROUPS = (RESULT, MEMORY, RETURNS, PLACE, KIND, KEPT, TRANSLATION, CONVENTION)


@dataclass(frozen=True)
class Obligation:
    """Under the claim's assumptions, `extra` and `guard`, `goal` holds."""

    group: str
    name: str
    guard: z3.BoolRef
    goal: z3.BoolRef
    # An instance of an invariant that only this obligation uses.
    extra: tuple[z3.BoolRef, ...] = ()
    # Whether each part of the goal, such as a store, is a question of its own.
    is_apart: bool = False
    # Its place among the lemmas, if it is one: it may rest on those before it.
    lemma: int | None = None
    # Asked one by one, and what is left if none of them holds.
    cases: tuple[Case, ...] = ()
    # Parts of the goal, a choice, of which it is asked first whether one of them holds: found when
    # that is asked, because terms made before the others are would change how those look.
    likely: Callable[[], list[z3.BoolRef]] = list

    def statement(self) -> z3.BoolRef:
        """What has to follow from the assumptions, simplified."""
        return z3.simplify(z3.Implies(conjunction([self.guard, *self.extra]), self.goal))


def run(
    image: Image,
    claim: Claim,
    contracts: Contracts,
    own: Callee | None = None,
    zeros: str = "leading_zeros",
) -> Run:
    """Executes the claim's function on all inputs at once; `own` is the contract it is about."""
    private = (STACK, *private_of(own))
    apply = contracts.without(own).apply
    # Walks have short claims: their terms stay short as well.
    zeros = zeros if claim.invariants is not None else ""
    is_procedure = isinstance(own, Procedure)
    known = own.rounds if isinstance(own, Procedure | Contract) else ROUNDS
    rules = Rules(
        private=private,
        zeros=zeros,
        known_rounds=known,
        rounds=ROUNDS,
        joins=is_procedure and own.joins,
        contracts=apply,
    )
    function = image.function(claim.function)
    executor = Executor(image, claim.assumptions, rules)
    if is_procedure and own.loop is not None:
        loop = Loop(executor.lifter, function.address, own.loop, contracts.layout)
        executor.rules = replace(rules, loop=loop)
    done = executor.run(function, claim.arguments)
    done.own = own
    return done


def obligations(claim: Claim, done: Run) -> list[Obligation]:
    """All that must hold."""
    return [*of_the_run(claim, done), *of_the_claim(claim)]


def of_the_run(claim: Claim, done: Run) -> Iterator[Obligation]:
    """What the machine code must do."""
    known = done.defined()
    for item in _of_the_code(claim, done):
        yield replace(item, extra=known) if known else item


def _of_the_code(claim: Claim, done: Run) -> Iterator[Obligation]:
    yield from _returns(done)
    if claim.invariants is not None:
        yield from _ends(claim, done)
    yield from _results(claim, done)
    yield from _memory(claim, done)
    for access in done.accesses:
        yield _place_obligation(claim, access)
    yield from _convention(done)
    yield from _rounds(done)
    for point in claim.calls:
        yield from _calls(done, point)


def of_the_claim(claim: Claim) -> Iterator[Obligation]:
    """What the specification itself must be: kind-correct, and true to the invariants."""
    for place, lemma in enumerate(claim.lemmas):
        terms = (lemma.condition, lemma.goal, lemma.extra)
        yield Obligation(RESULT, lemma.name, *terms, lemma=place, cases=lemma.cases)
    for place in claim.places:
        yield Obligation(KIND, place.name, place.condition, place.is_right)
    for outcome in claim.outcomes:
        if outcome.memory.updates:
            yield from _kept(claim, outcome.name, outcome)
    for point in claim.calls:
        name = point.history[-1]
        yield from _kept(claim, f"calls {name}", point)
        needs = conjunction(point.needs)
        yield Obligation(RETURNS, f"{name} may be called", point.condition, needs, is_apart=True)
    for promise in claim.promises:
        yield Obligation(RESULT, promise.name, promise.condition, promise.goal)
    for fact in claim.facts:
        yield Obligation(TRANSLATION, fact.name, fact.condition, fact.goal, fact.extra)


def discharge(claim: Claim, obligation: Obligation, *, by_both: bool = True) -> Verdict:
    """Asks the solvers.

    `by_both`: also of what follows from the claim alone, whatever the machine code is.
    """
    if z3.is_true(obligation.statement()):
        return Verdict.PROVED
    if some := obligation.likely():
        easier = replace(obligation, goal=disjunction(some), likely=list)
        if discharge(claim, easier, by_both=by_both) is Verdict.PROVED:
            return Verdict.PROVED
    hypotheses = claim.known(obligation.lemma)
    # A rule before a step is left as it is: the same rule after it then looks alike.
    is_rule = obligation.group == KEPT
    extra = obligation.extra if is_rule else [p for t in obligation.extra for p in conjuncts(t)]
    hypotheses += [*conjuncts(obligation.guard), *extra]
    goals = conjuncts(obligation.goal) if obligation.is_apart else [obligation.goal]
    is_claim_alone = obligation.group in (KEPT, TRANSLATION)
    ask = prove_by_one if is_claim_alone and not by_both else prove
    if obligation.cases:
        return _by_cases(hypotheses, obligation)
    parts = [part for goal in goals for part in conjuncts(goal)]
    if len(parts) == len(goals):
        return _all_of(ask, hypotheses, goals)
    # A rule is soon shown as a whole, or soon in parts.
    at_once = partial(ask, milliseconds=RULE_MILLISECONDS) if is_rule else ask
    verdict = _all_of(at_once, hypotheses, goals)
    # Too much at once: part by part.
    return _all_of(ask, hypotheses, parts) if verdict is Verdict.UNKNOWN else verdict


def _by_cases(hypotheses: Sequence[z3.BoolRef], obligation: Obligation) -> Verdict:
    """Asks for each case, with the simpler term in all that is known, and for the rest."""
    for case in obligation.cases:
        known = [case.condition, *(case.of(item) for item in hypotheses)]
        steps = (([case.condition], case.term == case.value), (known, case.of(obligation.goal)))
        for hypotheses_, goal in steps:
            verdict = prove(hypotheses_, goal)
            if verdict is not Verdict.PROVED:
                return verdict
    rest = [z3.Not(case.condition) for case in obligation.cases]
    return prove([*hypotheses, *rest], obligation.goal)


def _all_of(
    ask: Callable[[Sequence[z3.BoolRef], z3.BoolRef], Verdict],
    hypotheses: Sequence[z3.BoolRef],
    goals: Sequence[z3.BoolRef],
) -> Verdict:
    """The first verdict that is not *proved*, if there is one."""
    verdicts = (ask(hypotheses, goal) for goal in goals)
    return next((v for v in verdicts if v is not Verdict.PROVED), Verdict.PROVED)


def is_mutant_refuted(claim: Claim, done: Run, sound: Sequence[ConcreteState]) -> bool:
    """Whether an obligation of a changed function fails: in one of some sound states, or in any."""
    goals = [o.statement() for o in of_the_run(claim, done)]
    goals = [goal for goal in goals if not z3.is_true(goal)]
    if any(z3.is_false(goal) for goal in goals):
        return is_refuted(claim.premises(), z3.BoolVal(False))
    program = Program(goals)
    # States tell what the claim's names mean, and not what those do that the change has made.
    new = [term for term in done.definitions if not any(term.eq(t) for t in claim.definitions)]
    if not new and any(not all(state.evaluate(program)) for state in sound):
        return True
    return is_refuted([*claim.premises(), *new], conjunction(goals))


def _results(claim: Claim, done: Run) -> Iterator[Obligation]:
    for outcome in claim.outcomes:
        end = done.ends.get(outcome.history)
        for register, value in outcome.results.items():
            if end is None:
                goal = z3.BoolVal(False)
            else:
                goal = result_of(end, register, value.size()) == value
            yield Obligation(RESULT, f"{outcome.name}: {register}", outcome.condition, goal)


def result_of(end: State, key: str, bits: int = 64) -> z3.BitVecRef:
    """A result register, or a piece of the answer in memory."""
    offset = out_offset(key)
    if key.startswith("@"):
        return end.system_register(key)
    if offset is None:
        return end.register(key)
    return end.private_word("out", offset, bits // 8)


def _ends(claim: Claim, done: Run) -> Iterator[Obligation]:
    """Each outcome comes after the procedures that the claim names."""
    for outcome in claim.outcomes:
        end = done.ends.get(outcome.history)
        goal = z3.BoolVal(False) if end is None else conjunction(end.guard)
        yield Obligation(RETURNS, f"{outcome.name}: returns so", outcome.condition, goal)
    some = disjunction(outcome.condition for outcome in claim.outcomes)
    yield Obligation(RETURNS, "some outcome", z3.BoolVal(True), some)


def _memory(claim: Claim, done: Run) -> Iterator[Obligation]:
    for outcome in claim.outcomes:
        end = done.ends.get(outcome.history)
        goal = z3.BoolVal(False) if end is None else same_stores(end.memory, outcome.memory)
        changes = bool(outcome.memory.updates)
        yield Obligation(MEMORY, outcome.name, outcome.condition, goal, is_apart=changes)


def same_stores(first: Memory, second: Memory) -> z3.BoolRef:
    """Whether two memories hold the same, shown store by store where they go side by side."""
    if not second.updates:
        made = [z3.BoolVal(True) if u.guard is None else u.guard for u in first.updates]
        return conjunction(z3.Not(guard) for guard in made)
    goals = []
    for array in range(ARRAYS):
        mine = [u for u in first.updates if u.array == array]
        its = [u for u in second.updates if u.array == array]
        shapes = [[u.free_bits for u in updates] for updates in (mine, its)]
        if shapes[0] != shapes[1]:
            return same_memory(first, second)
        goals += [_same_store(a, b) for a, b in zip(mine, its)]
    return conjunction(goals)


def _same_store(first: Update, second: Update) -> z3.BoolRef:
    true = z3.BoolVal(True)
    guards = [true if u.guard is None else u.guard for u in (first, second)]
    same = z3.And(first.index == second.index, first.value == second.value)
    return z3.simplify(z3.And(guards[0] == guards[1], z3.Implies(guards[0], same)))


def same_memory(first: Memory, second: Memory) -> z3.BoolRef:
    """Whether two memories with the same base hold the same everywhere."""
    touched = sorted({u.array for memory in (first, second) for u in memory.updates} - {RANK_ARRAY})
    goals = []
    for array in touched:
        index = z3.Const(f"any_{array}", first.base[array].domain())
        goals.append(first.row(array, index) == second.row(array, index))
    return conjunction(goals)


def _returns(done: Run) -> Iterator[Obligation]:
    true, false = z3.BoolVal(True), z3.BoolVal(False)
    returned = disjunction(conjunction(end.guard) for end in done.ends.values())
    yield Obligation(RETURNS, "returns", true, returned)
    for needed in done.requirements:
        name = f"{needed.function} may be called"
        yield Obligation(RETURNS, name, conjunction(needed.guard), needed.condition)
    for panic in done.panics:
        name = f"{panic.name} at {panic.instruction.address:#x} is not reached"
        yield Obligation(RETURNS, name, conjunction(panic.guard), false)


def _calls(done: Run, point: CallPoint) -> Iterator[Obligation]:
    """Where the claim says that a procedure is called, it is, with these arguments, in this memory."""
    state, name = done.calls.get(point.history), f"calls {point.history[-1]}"
    if state is None:
        yield Obligation(RETURNS, name, point.condition, z3.BoolVal(False))
        return
    yield Obligation(RETURNS, name, point.condition, conjunction(state.guard))
    for place, argument in enumerate(point.arguments):
        register = f"x{place + point.first}"
        goal = state.register(register) == argument
        yield Obligation(RESULT, f"{name}: {register}", point.condition, goal)
    goal = same_stores(state.memory, point.memory)
    changes = bool(point.memory.updates)
    yield Obligation(MEMORY, name, point.condition, goal, is_apart=changes)


def _kept(claim: Claim, name: str, end: Outcome | CallPoint) -> Iterator[Obligation]:
    before = claim.state if end.since is None else end.since
    after = before.after(end.memory)
    known = (claim.invariants or invariants)(claim.state)
    is_apart = len([u for u in end.memory.updates if u.array == KINDS_ARRAY]) > MANY_FRAMES
    for rule in (*known, *claim.rules):
        extra = tuple(rule.holds(before))
        goal = conjunction(rule.holds(after))
        named = f"{name}: {rule.name}"
        yield Obligation(KEPT, named, end.condition, goal, extra, is_apart=is_apart)


def _convention(done: Run) -> Iterator[Obligation]:
    for history, end in done.ends.items():
        for register in PRESERVED if not is_again(history) else ():
            goal = end.register(register) == done.start.register(register)
            yield Obligation(CONVENTION, f"{register} preserved", z3.BoolVal(True), goal)


def _rounds(done: Run) -> Iterator[Obligation]:
    """Where the loop begins again, each word is as the next round finds it."""
    for history, end in done.ends.items():
        for name, goal in done.loop.goals(end) if done.loop and is_again(history) else ():
            yield Obligation(RETURNS, f"again: {name}", conjunction(end.guard), goal)


def _place_obligation(claim: Claim, access: Access) -> Obligation:
    named, addresses = [], []
    address, aligned = access.address, z3.BoolVal(True)
    if access.window is not KINDS and access.size < WORD_BYTES:
        # A piece of a word.
        aligned = z3.simplify(address & (access.size - 1) == 0)
        address = z3.simplify(address & ~(WORD_BYTES - 1))
    for place in claim.places:
        if place.window is access.window and place.is_write == access.is_write:
            same = z3.simplify(z3.And(aligned, place.has(address)))
            if not z3.is_false(same):
                named.append(z3.And(place.condition, same))
                addresses.append(place.address)

    def likely() -> list[z3.BoolRef]:
        pairs = zip(named, addresses)
        found = [part for part, other in pairs if _is_same_row(access.window, address, other)]
        return found if len(found) < len(named) else []

    name = f"{access.instruction.text} at {access.instruction.address:#x}"
    return Obligation(PLACE, name, conjunction(access.guard), disjunction(named), likely=likely)


def _is_same_row(window: Window, first: z3.BitVecRef, second: z3.BitVecRef) -> bool:
    """Whether two addresses look the same inside their window."""
    return low_bits(first, window.bits).eq(low_bits(second, window.bits))

"""Runs a function of the image on symbolic registers and memory, all paths at once.

States that meet at an instruction are merged, so a function without loops is executed once per
instruction; loops are unrolled. The result is a `Run`: the one state in which the function
returns, every access to memory with the condition under which it happens, every system instruction
that is more than a read of a register, and every panic.

Assembly that does not return ends at an `eret`, or at one of the addresses that the caller names.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import pyvex
import z3

from . import condition, expression
from .accesses import STACK, TABLE_MAX, Accesses, ExecutionError
from .image import INSTRUCTION_BYTES, Function, Image
from .lift import Instruction, LiftError, Lifter, System
from .logic import is_short
from .memory import Memory
from .rounds import Loop
from .seen import Effect, Panic, Private, Run
from .state import REGISTER_OFFSETS, Frame, Place, State, initial_registers, keep, merge
from .words import choice_of

CALLS_MAX = 8
STEPS_MAX = 20_000
# How often a branch is met before a solver is asked whether it can go either way: the kernel's
# loops end after as many rounds.
ROUNDS_MAX = 64
# How many parts what bounds a loop has at most, where that is found early.
SHORT = 60
# How much a solver may do to decide it then, in its own units (about ten seconds); a loop that it does
# not end is given up.
DECIDING_WORK = 60_000_000

# Registers whose value the executor knows nothing of, each time it is read.
VOLATILE = frozenset({"cntvct_el0", "isr_el1"})
# Registers that functions read and nothing of the kernel changes while it runs.
READABLE = frozenset({"tpidr_el1", "dczid_el0"})
# Maintenance of the data cache that writes back what is in it: memory is as before. `zva` zeroes, and
# `ivac` drops what was written.
UNSEEN = frozenset({"cvac", "cvau", "civac"})


@dataclass(frozen=True)
class Rules:
    """What code may do beside computing: by default, what compiled functions do."""

    # System registers: `mrs` of these, `msr` of those.
    readable: frozenset[str] = READABLE
    writable: frozenset[str] = frozenset()
    # Maintenance of the data cache that changes memory, for whoever looks at it.
    maintenance: frozenset[str] = frozenset()
    # Memory that only the code itself knows.
    private: tuple[Private, ...] = (STACK,)
    # Whether a solver decides each branch: for loops whose end depends on a symbol.
    decides: bool = False
    # Addresses at which a run ends.
    stops: frozenset[int] = frozenset()
    # What the symbols are called that stand for numbers of leading zeros, and that the run defines, so
    # that terms stay small; nothing: there are none.
    zeros: str = ""
    # How often a branch is met before a solver is asked whether it can go either way.
    known_rounds: int = ROUNDS_MAX
    # Whether a store under different conditions is one store: see `Memory`.
    joins: bool = False
    # How often a branch is met that can go either way before its loop is given up.
    rounds: int = STEPS_MAX
    # Does what the function at an address does, if that is known; proved on its own.
    contracts: Callable[[Executor, State, int], list[State] | None] | None = None
    # The loop of the function, if that is told by one round.
    loop: Loop | None = None


class Executor(Accesses):
    """Executes one function of one image."""

    def __init__(
        self,
        image: Image,
        hypotheses: Sequence[z3.BoolRef] = (),
        rules: Rules = Rules(),
    ) -> None:
        self.image = image
        self.lifter = Lifter(image)
        self.hypotheses = list(hypotheses)
        self.rules = rules
        self.private = rules.private
        self._orders: dict[int, dict[int, int]] = {}
        self._rounds: dict[int, int] = {}
        self._temporaries: dict[int, expression.Term] = {}
        self._instruction: Instruction
        # The states in which a loop began again, while a round of it is tried.
        self._back: list[State] | None = None

    def run(self, function: Function, arguments: Mapping[str, z3.BitVecRef]) -> Run:
        """Executes `function` from its first instruction until it returns or ends otherwise.

        `arguments` are general registers, and system registers by their names.
        """
        registers = initial_registers()
        system = {}
        for name, value in arguments.items():
            if name in REGISTER_OFFSETS:
                registers[REGISTER_OFFSETS[name]] = value
            else:
                system[name] = value
        memory = replace(Memory.symbolic("initial_"), joins=self.rules.joins)
        start = State(function.address, (Frame(function.address),), registers, memory)
        start.system = system
        self._run = Run(function, start)
        self._run.loop = self.rules.loop
        self._finish(start.copy())
        return self._run

    def _finish(self, start: State) -> None:
        """Executes all that follows from a state."""
        waiting: dict[Place, State] = {}
        self._put(waiting, start)
        while waiting:
            place = min(waiting, key=self._rank)
            state = waiting.pop(place)
            for following in self._step(state):
                if following.frames:
                    self._put(waiting, following)
                else:
                    keep(self._run.ends, following.history, following)

    def rounds_from(self, state: State) -> list[State]:
        """The states in which a loop that begins here begins again; nothing else is noted."""
        known = self._run, dict(self._rounds), self._temporaries, self._instruction
        self._run, self._back = Run(self._run.function, self._run.start), []
        self._finish(state.copy())
        back, self._back = self._back, None
        self._run, self._rounds, self._temporaries, self._instruction = known
        return back

    def _put(self, waiting: dict, state: State) -> None:
        place = state.place()
        waiting[place] = merge(waiting[place], state) if place in waiting else state

    def _rank(self, place: Place) -> tuple[int, ...]:
        """Earlier in the flow of control is smaller, callee before what follows the call."""
        address, frames, *_ = place
        outer = [self._order(f.entry)[f.call] for f in frames[:-1] if f.call is not None]
        return (*outer, self._order(frames[-1].entry)[address])

    def _order(self, entry: int) -> dict[int, int]:
        if entry not in self._orders:
            self._orders[entry] = self.lifter.order(entry)
        return self._orders[entry]

    # One instruction.

    def _step(self, state: State) -> list[State]:
        instruction = self.lifter.instruction(state.address)
        self._instruction = instruction
        self._run.reached.add(state.address)
        state.steps += 1
        if state.steps > STEPS_MAX:
            raise ExecutionError(f"more than {STEPS_MAX} instructions on a path")
        if instruction.system is not None:
            return self._step_system(state, instruction, instruction.system)
        if instruction.block is None:
            self._run.panics.append(Panic(instruction, state.guard, instruction.mnemonic))
            return []
        self._temporaries = {}
        leaving: list[State] = []
        for statement in instruction.block.statements:
            if statement.tag == "Ist_Exit":
                taken = self._decided(state, z3.simplify(self._value(state, statement.guard)))
                if not z3.is_false(taken):
                    branch = state.copy()
                    branch.guard += () if z3.is_true(taken) else (taken,)
                    leaving += self._go(branch, statement.dst.value)
                if z3.is_true(taken):
                    return leaving
                state.guard += () if z3.is_false(taken) else (z3.simplify(z3.Not(taken)),)
            else:
                self._perform(state, statement)
        return leaving + self._leave(state, instruction)

    def _decided(self, state: State, taken: z3.BoolRef) -> z3.BoolRef:
        """A condition, as a constant if a solver is to decide it and can."""
        if z3.is_true(taken) or z3.is_false(taken):
            return taken
        met = self._rounds[state.address] = self._rounds.get(state.address, 0) + 1
        known_rounds = self.rules.known_rounds
        if not self.rules.decides and met <= known_rounds:
            return taken
        solver = z3.SolverFor("QF_BV") if self.rules.decides else z3.Solver()
        if known_rounds < ROUNDS_MAX:
            # The end of a loop follows from little.
            terms = (*self.hypotheses, *state.guard)
            solver.add(*(term for term in terms if is_short(term, SHORT)))
        else:
            if not self.rules.decides:
                solver.set("rlimit", DECIDING_WORK)
            solver.add(*(self.hypotheses if self.rules.decides else ()), *state.guard)
        # Of a state that cannot be, every loop seems to go on.
        may_go_on = met <= self.rules.rounds + ROUNDS_MAX
        for value, other in ((True, z3.Not(taken)), (False, taken)):
            if may_go_on and solver.check(other) == z3.unsat:
                self._run.decided.append([*solver.assertions(), other])
                return z3.BoolVal(value)
        if met > self.rules.rounds:
            raise ExecutionError(f"{state.address:#x}: a loop whose end is not known")
        return taken

    def _step_system(self, state: State, instruction: Instruction, system: System) -> list[State]:
        following = state.address + INSTRUCTION_BYTES
        place = None if system.register is None else REGISTER_OFFSETS[system.register]
        match instruction.mnemonic:
            case "mrs" if place is not None:
                state.registers[place] = self._read_system(state, system.name)
            case "msr" if system.name in self.rules.writable:
                zero = z3.BitVecVal(0, 64)
                state.system[system.name] = zero if place is None else state.registers[place]
            case "mrs" | "msr":
                raise LiftError(f"{state.address:#x}: `{instruction.text}` is not allowed")
            case "eret":
                self._end(self._run.erets, state)
                return []
            case "dc" if system.name not in (*UNSEEN, *self.rules.maintenance):
                raise LiftError(f"{state.address:#x}: `{instruction.text}` changes memory")
            case _:
                operand = None if place is None else state.registers[place]
                self._run.effects.append(Effect(instruction, state.guard, operand))
        return self._go(state, following)

    def _read_system(self, state: State, name: str) -> z3.BitVecRef:
        if name in VOLATILE:
            symbol = z3.BitVec(f"{name}_{len(self._run.volatile)}", 64)
            self._run.volatile.append(symbol)
            return symbol
        if name not in self.rules.readable:
            raise LiftError(f"{state.address:#x}: reads {name}")
        return state.system_register(name)

    def _end(self, ends: dict[int, State], state: State) -> None:
        keep(ends, state.address, state)

    def _perform(self, state: State, statement: pyvex.stmt.IRStmt) -> None:
        match statement.tag:
            case "Ist_WrTmp":
                self._temporaries[statement.tmp] = z3.simplify(self._value(state, statement.data))
            case "Ist_Put":
                self._put_register(state, statement.offset, self._value(state, statement.data))
            case "Ist_Store":
                address = self._value(state, statement.addr)
                self.store(state, z3.simplify(address), self._value(state, statement.data))
            case "Ist_IMark" | "Ist_AbiHint" | "Ist_NoOp":
                pass
            case _:
                raise LiftError(f"{state.address:#x}: statement {statement.tag}")

    def _leave(self, state: State, instruction: Instruction) -> list[State]:
        block = instruction.block
        assert block is not None
        target = z3.simplify(self._value(state, block.next))
        if block.jumpkind == "Ijk_Ret":
            return self._return(state, target)
        if instruction.is_computed:
            return self._switch(state, target)
        if not z3.is_bv_value(target):
            raise ExecutionError(f"{state.address:#x}: a jump to a computed address")
        if block.jumpkind == "Ijk_Call":
            return self._call(state, target.as_long())
        return self._go(state, target.as_long())

    def _switch(self, state: State, target: z3.BitVecRef) -> list[State]:
        """Goes to each of the places that a jump can lead to, all inside its function."""
        known = choice_of(target, TABLE_MAX)
        target = target if known is None else known
        if z3.is_app_of(target, z3.Z3_OP_ITE):
            chosen, first, second = target.children()
            branch = state.copy()
            branch.guard += (chosen,)
            state.guard += (z3.simplify(z3.Not(chosen)),)
            return self._switch(branch, first) + self._switch(state, second)
        if not z3.is_bv_value(target):
            raise ExecutionError(f"{state.address:#x}: a jump to a computed address")
        if target.as_long() not in self._order(state.frames[-1].entry):
            raise ExecutionError(f"{state.address:#x}: a jump out of its function")
        return self._go(state, target.as_long())

    def _go(self, state: State, target: int) -> list[State]:
        name = self.image.panic_at(target)
        if name is not None:
            self._run.panics.append(Panic(self._instruction, state.guard, name))
            return []
        state.address = target
        loop = self.rules.loop
        if loop is not None and target == loop.head and len(state.frames) == 1:
            if self._back is None:
                return loop.arrive(self, state)
            self._back.append(state)
            return []
        if target in self.rules.stops:
            self._end(self._run.stops, state)
            return []
        contracts = self.rules.contracts
        answers = None if contracts is None else contracts(self, state, target)
        if answers is None:
            return [state]
        back = state.register("x30")
        return [after for answer in answers for after in self._return(answer, back)]

    def _call(self, state: State, target: int) -> list[State]:
        if len(state.frames) == CALLS_MAX:
            raise ExecutionError(f"{state.address:#x}: calls nested more than {CALLS_MAX} deep")
        caller = Frame(state.frames[-1].entry, state.address)
        state.frames = (*state.frames[:-1], caller, Frame(target))
        return self._go(state, target)

    def _return(self, state: State, target: z3.BitVecRef) -> list[State]:
        if len(state.frames) == 1:
            if not target.eq(self._run.start.register("x30")):
                raise ExecutionError(f"{state.address:#x}: returns elsewhere than to its caller")
            state.frames = ()
            return [state]
        call = state.frames[-2].call
        assert call is not None
        if not z3.is_bv_value(target) or target.as_long() != call + INSTRUCTION_BYTES:
            raise ExecutionError(f"{state.address:#x}: returns elsewhere than behind the call")
        state.frames = (*state.frames[:-2], Frame(state.frames[-2].entry))
        return self._go(state, target.as_long())

    # Registers and values.

    def _put_register(self, state: State, offset: int, value: expression.Term) -> None:
        if offset == REGISTER_OFFSETS["pc"]:
            return
        if offset not in state.registers or value.size() != 64:
            raise LiftError(f"{state.address:#x}: writes part of a register")
        state.registers[offset] = value

    def _get_register(self, state: State, offset: int, width: int) -> z3.BitVecRef:
        if offset not in state.registers:
            raise LiftError(f"{state.address:#x}: reads part of a register")
        value = state.registers[offset]
        return value if width == 64 else z3.simplify(z3.Extract(width - 1, 0, value))

    def _value(self, state: State, data: pyvex.expr.IRExpr) -> expression.Term:
        match data.tag:
            case "Iex_RdTmp":
                return self._temporaries[data.tmp]
            case "Iex_Const":
                size = data.con.size
                value = data.con.value
                return z3.BoolVal(bool(value)) if size == 1 else z3.BitVecVal(value, size)
            case "Iex_Get":
                return self._get_register(state, data.offset, _width(data.type))
            case "Iex_Load":
                address = z3.simplify(self._value(state, data.addr))
                return self._load(state, address, _width(data.type) // 8)
            case "Iex_ITE":
                parts = (data.cond, data.iftrue, data.iffalse)
                return z3.If(*(self._value(state, part) for part in parts))
            case "Iex_Unop" | "Iex_Binop":
                operands = [self._value(state, operand) for operand in data.args]
                value = expression.apply(data.op.removeprefix("Iop_"), operands)
                is_count = self.rules.zeros and "Clz" in data.op
                return self._named(z3.simplify(value)) if is_count else value
            case "Iex_CCall":
                operands = [self._value(state, operand) for operand in data.args]
                return self._flag_call(data.cee.name, operands)
        raise LiftError(f"{state.address:#x}: expression {data.tag}")

    def _named(self, value: z3.BitVecRef) -> z3.BitVecRef:
        """A symbol for a value, unless that is a constant."""
        if z3.is_bv_value(value):
            return value
        name = f"{self.rules.zeros}_{len(self._run.counts)}"
        self._run.counts[name] = value
        return z3.BitVec(name, value.size())

    def _flag_call(self, name: str, operands: list[z3.BitVecRef]) -> z3.BitVecRef:
        thunk = condition.Thunk(*operands)
        if name == "arm64g_calculate_condition":
            return expression.as_word(condition.holds(operands[0], thunk), 64)
        flags = thunk.flags()
        if name == "arm64g_calculate_flags_nzcv":
            return flags.packed()
        letter = name.removeprefix("arm64g_calculate_flag_")
        if letter in flags._fields:
            return expression.as_word(getattr(flags, letter), 64)
        raise LiftError(f"{self._instruction.address:#x}: helper {name}")

    @property
    def run_so_far(self) -> Run:
        """The run that is under way."""
        return self._run


def _width(vex_type: str) -> int:
    return int(vex_type.removeprefix("Ity_I"))


"""The sentence on top of the page: the speed-up of the native cells, and the verdicts on the claims."""

from collections import Counter
from collections.abc import Sequence
from statistics import median

from gilscope.html.text import plural
from gilscope.report.view import NATIVE, Cell, Claim, View, Words, cpus_text
from gilscope.results.findings import VERDICTS
from gilscope.stats import ROUNDS_LEAST, median_interval, verdict_of_speedups


def headline(view: View) -> str:
    """The main result of a document, in a few sentences.

    Parameters
    ----------
    view
        The view of the document; see gilscope.report.view.

    Returns
    -------
    str
        Plain text: the speed-up of the released kernels beside that of plain C threads, and how many claims got which
        verdict.
    """
    cells, complete = view.cells, view.complete
    tally = _tally(view.claims) if view.claims else ""
    if tally and not cells:
        return tally if complete else f"Interrupted. {tally}"
    if not cells:
        return "Nothing was measured." if complete else "Interrupted in the first round: nothing was measured."
    native = [cell for cell in cells if cell.implementation in NATIVE]
    if not native:
        sentence = "No C or Cython kernel was measured, so the results say nothing about the GIL."
    elif view.workers == 1:
        sentence = "Measured on one thread only. For a speed-up, measure on two or more (--threads 1,2)."
    else:
        sentence = _sentence([cell for cell in native if cell.workers == view.workers], view.workers, view.words)
    rounds = plural(max(cell.row.rounds for cell in cells), "round")
    return " ".join(filter(None, ("" if complete else f"Interrupted after {rounds}.", sentence, tally)))


def _tally(claims: Sequence[Claim]) -> str:
    """The number of claims for each verdict."""
    counts = Counter(claim.ruling.verdict for claim in claims)
    verdicts = ", ".join(f"{counts[verdict]} {verdict}" for verdict in VERDICTS if counts[verdict])
    return f"{plural(len(claims), 'claim')} tested on this machine: {verdicts}."


def _sentence(cells: Sequence[Cell], workers: int, words: Words) -> str:
    released = [cell for cell in cells if cell.policy == "released"]
    held = [cell for cell in cells if cell.policy == "held"]
    if cells[0].row.cpus <= 1:
        return _on_one_cpu(released, held, words)
    main, word = (released, words.released) if released else (held, words.held)
    unclear = [cell for cell in main if not cell.conclusive]
    shown = main if _clear_together(main) else [cell for cell in main if cell.conclusive]
    if len(shown) * 2 < len(main):
        first = unclear[0]
        return (
            f"Inconclusive for {len(unclear)} of {len(main)} {word} cells (first {first.kernel} in {first.name}: "
            f"{first.reason}). Measure again, longer or on a quieter machine."
        )
    sentence = (
        f"{words.place}, {workers} threads ran {_kernels(shown, word)} {_middle(shown):.2f}x as fast as one "
        f"(C threads: {_ceiling(shown):.2f}x)"
    )
    if not released:
        return f"{sentence}; no {words.released} kernel was measured."
    held = [cell for cell in held if cell.conclusive]
    sentence += f"; {words.held}, {_middle(held):.2f}x." if held else "."
    if unclear:
        sentence += f" {len(unclear)} of {len(main)} {word} cells are inconclusive on their own."
    return sentence


def _on_one_cpu(released: Sequence[Cell], held: Sequence[Cell], words: Words) -> str:
    """Threads cannot run side by side: the speed-up says only what several of them cost."""
    first = (*released, *held)[0]
    speedups = [
        f"{word} {_middle(cells):.2f}x" for word, cells in zip(words.both, (released, held), strict=True) if cells
    ]
    return (
        f"Python may use only {cpus_text(first.row.cpus)} here, so threads cannot run side by side. "
        f"Speed-up on {first.workers} threads: {', '.join(speedups)}."
    )


def _clear_together(cells: Sequence[Cell]) -> bool:
    """Whether the cells are clear taken together, though some may be inconclusive by themselves."""
    if len({cell.kernel for cell in cells}) < ROUNDS_LEAST or cells[0].row.rounds < ROUNDS_LEAST:
        return False
    verdict, _ = verdict_of_speedups(
        median_interval([cell.speedup.median for cell in cells]),
        median_interval([cell.ceiling.median for cell in cells]),
        median_interval([cell.machine.median for cell in cells]),
        cells[0].workers,
        cells[0].row.cpus,
    )
    return verdict != "inconclusive"


def _middle(cells: Sequence[Cell]) -> float:
    return median(cell.speedup.median for cell in cells)


def _ceiling(cells: Sequence[Cell]) -> float:
    return median(cell.ceiling.median for cell in cells)


def _kernels(cells: Sequence[Cell], word: str) -> str:
    names = {cell.kernel for cell in cells}
    return f"the {word} kernels" if len(names) > 1 else f"the {word} kernel {names.pop()}"

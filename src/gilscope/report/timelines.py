"""The timelines of the report: who had the GIL, thread by thread, held and released side by side."""

from collections.abc import Sequence

from gilscope.html.figure import Picture
from gilscope.html.timeline import bars_figure
from gilscope.report.view import NAMES, Words
from gilscope.results.charts import Bar
from gilscope.results.timelines import Timeline, Track

ROW = 44


def pairs(timelines: Sequence[Timeline], words: Words) -> list[tuple[str, list[Picture]]]:
    """Each binding's name and charts, held first. All charts share one scale of time."""
    longest = max((timeline.milliseconds for timeline in timelines), default=0.0)
    bindings = dict.fromkeys(timeline.implementation for timeline in timelines)
    return [
        (
            NAMES.get(binding, binding),
            [
                _chart(timeline, longest, words)
                for policy in ("held", "released")
                for timeline in timelines
                if (timeline.implementation, timeline.policy) == (binding, policy)
            ],
        )
        for binding in bindings
    ]


def _chart(timeline: Timeline, longest: float, words: Words) -> Picture:
    bars = [
        Bar(track.name, stretch.start, stretch.end, stretch.state.label(timeline.gil), stretch.state.color)
        for track in timeline.tracks
        for stretch in track.stretches
    ]
    names = [track.name for track in timeline.tracks]
    figure = bars_figure(bars, hover=_hover, lanes=names, row=ROW, legend=False)
    scale = {"range": [0, longest * 1.01], "title": {"text": "milliseconds", "font": {"size": 12}}}
    figure["layout"]["xaxis"] |= scale
    binding = NAMES.get(timeline.implementation, timeline.implementation)
    title = f"{words[timeline.policy]}, {binding}: {timeline.milliseconds:.0f} ms"
    text = "; ".join(_text(track, timeline.gil) for track in timeline.tracks)
    return Picture(f"timeline-{timeline.implementation}-{timeline.policy}", title, text, figure)


def _hover(bar: Bar) -> str:
    return f"{bar.lane}: {bar.state}<br>{bar.end - bar.start:.2f} ms from {bar.start:.2f} ms"


def _text(track: Track, gil: bool) -> str:
    """The lane in words: the thread's time in each state."""
    return f"{track.name} " + ", ".join(f"{time:.1f} ms {state.label(gil)}" for state, time in track.spent().items())

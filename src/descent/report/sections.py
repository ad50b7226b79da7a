"""Makes the sections of the report from the results of the stages."""

from dataclasses import replace

import numpy as np

from descent.articles.results import Results
from descent.articles.summary import Summary
from descent.records.folder import VIEWS
from descent.render import basins, gradients
from descent.render.histogram import histogram_picture
from descent.render.paths import LabelledPath, paths_picture
from descent.render.run_views import field_of
from descent.render.style import new_figure
from descent.report.page import Picture, Section, SectionTable, picture_of

HIMMELBLAU = (
    "Himmelblau's surface has four equally deep minima. At small rates a descent reaches the one downhill of its "
    "start, or is still on its way after 200 steps; at larger rates the first steps take it from one basin into "
    "another, and near the boundary of two basins a small change of the start or the rate changes the result."
)
NOISY_POLYNOMIAL = (
    "The same for article 000, whose steps draw their data at random: each cell is a rate over 20 seeds, with other "
    "noise and other draws for each seed; the seeds are the same in all cells. From starts in the middle every small "
    "rate reaches the best minimum. From the article's start at 3.5 the rate must be large enough to leave the local "
    "minimum and, at that rate, some runs diverge."
)


def maps(results: Results) -> list[Section]:
    """The maps of starts and learning rates."""
    return [
        _basins(results, "himmelblau", HIMMELBLAU),
        _basins(results, "noisy_polynomial", NOISY_POLYNOMIAL),
    ]


def sections(results: Results, summary: Summary) -> list[Section]:
    """The sections on what is behind the published figures, in the order of the page."""
    return [
        _rates(results, "rates-001", "001", summary.rates["001"]),
        _rates(results, "rates-004", "004", summary.rates["004"]),
        _field(results, summary),
        _noisy_polynomial(results, summary),
        _networks(summary),
        _gradients(results),
    ]


def _rates(results: Results, identity: str, article: str, rates: dict[str, float]) -> Section:
    paths = [
        LabelledPath(
            label=f"lr {rate:g}: {results.result(name)}",
            path=results.path(name),
            losses=(results.path(name) ** 2).sum(axis=1),
            diverged=results.result(name) == "diverged",
        )
        for name, rate in rates.items()
    ]
    start = tuple(paths[0].path[0])
    field = field_of(results.record(next(iter(rates))).landscape())
    return Section(
        id=identity,
        title=f"Too small, right, too large: the learning rates of article {article}",
        paragraphs=[
            f"x² + y² from ({start[0]:g}, {start[1]:g}), 100 steps. Each step multiplies the position by 1 - 2 lr, "
            "so that the descent converges for rates between 0 and 1: without overshooting up to 0.5, where one step "
            "is enough, and alternating between two sides above. At exactly 1 every step leads to the opposite point, "
            "at the same distance, and only above 1 does it diverge.",
        ],
        picture=picture_of(
            paths_picture(f"x² + y² at the learning rates of article {article}", field, paths),
            "The paths of descents on x² + y² over its contours, beside their losses over the steps: "
            + "; ".join(path.label for path in paths),
        ),
    )


def _field(results: Results, summary: Summary) -> Section:
    bowl = field_of(results.record("bowl_004").landscape())
    arrows = np.stack(np.meshgrid(summary.grid, summary.grid), axis=-1).reshape(-1, 2)
    view = (-2.25, 2.5)
    figure = new_figure(7, 6)
    axes = figure.subplots()
    replace(bowl, x=view, y=view, arrows=arrows, downhill=-2 * arrows).draw(axes)
    axes.set_title("The negative gradient of x² + y²", fontsize=11)
    return Section(
        id="field-004",
        title="The gradient as a field: article 004",
        paragraphs=[
            "An arrow at every point of the article's grid, from -2 to 2.25 by 0.25, along the negative gradient, "
            "the direction of steepest descent. On a round bowl all of them point at the minimum; if contours are not "
            "round, they don't, and the descent takes a detour at any rate."
        ],
        picture=picture_of(figure, "Arrows on a grid over the contours of x² + y², all of them pointing to the middle"),
    )


def _noisy_polynomial(results: Results, summary: Summary) -> Section:
    rows = results.seed_rows("noisy_polynomial")
    ends = np.array([float(row["x"]) for row in rows if row["result"] != "diverged"])
    plot = histogram_picture(
        f"Where {len(rows):,} descents on the noisy polynomial ended",
        "x after 100 steps",
        ends,
        np.linspace(-7, 7, 141),
        dict(zip(("local minimum", "best minimum", "local minimum "), summary.minima, strict=True)),
        [f"{summary.diverged:,} more diverged"],
    )
    return Section(
        id="chance-000",
        title=f"How reliably: article 000 from {len(rows):,} seeds",
        paragraphs=[
            "The article shows one descent that leaves the local minimum near 4 for the best one near 0, and says "
            "that it may not work. Here it is repeated with new noise and new draws for every seed. A descent leaves "
            "the local minimum because each step fits a polynomial to only ten points, and diverges for the same "
            "reason: sometimes the fitted curve is steep, and one step at rate 0.3 leads far out, where every curve "
            "is steeper still.",
        ],
        picture=picture_of(plot, "A histogram of the ends of the runs that did not diverge, with peaks at the minima"),
        table=SectionTable(
            caption="How the runs ended, with 95 % intervals (Wilson)",
            header=["end", "runs", "rate"],
            rows=[[name, f"{count:,}", share] for name, count, share in summary.ends],
        ),
    )


def _basins(results: Results, name: str, text: str) -> Section:
    return Section(
        id=f"basin-{name.replace('_', '-')}",
        title=f"Every start at every learning rate: {name.replace('_', ' ')}",
        paragraphs=[text, f"`descent train sweep=basin experiment={name}` draws such a map."],
        picture=Picture(
            (results.root / "sweeps" / f"basin_{name}" / VIEWS / basins.PICTURE).read_bytes(),
            "A map of the outcomes of descents, by colour: starts from left to right, learning rates upwards",
        ),
    )


def _networks(summary: Summary) -> Section:
    return Section(
        id="seeds-mnist",
        title=f"How reliably: the networks on {summary.images} from other seeds",
        paragraphs=[
            "A seed determines the initial weights and, with two layers, the minibatches. A published run is a single "
            "sample; these are the means over the seeds, with 95 % intervals (Student), and the ranges. With three "
            "layers they are those after ten of the hundred epochs, which take minutes for each seed: "
            "`descent seeds --count 4 experiment=mnist_three_layer name=all_epochs` trains all hundred."
        ],
        table=SectionTable(
            caption="Accuracies over the seeds",
            header=["experiment", "images", "step", "mean", "range", "seeds"],
            rows=[
                [name, part, f"{step:,}", mean, spread, str(seeds)]
                for name, part, step, mean, spread, seeds in summary.accuracies
            ],
        ),
    )


def _gradients(results: Results) -> Section:
    name = "two_layer_gradient"
    return Section(
        id="gradient-check",
        title="Backpropagation against central differences",
        paragraphs=[
            "All 79,510 components of the gradient of article 004's two layers, by backpropagation and by central "
            f"differences: `descent check-gradient experiment={name}`."
        ],
        picture=Picture(
            (results.root / "gradients" / name / VIEWS / gradients.PICTURE).read_bytes(),
            "Four panels, one a parameter: central difference against backpropagation, all on the diagonal",
        ),
        table=SectionTable(
            caption="The differences between the two",
            header=["parameter", "shape", "components", "largest difference", "relative to the largest component"],
            rows=[
                [
                    row["parameter"],
                    row["shape"],
                    f"{int(row['components']):,}",
                    f"{float(row['largest_absolute']):.2g}",
                    f"{float(row['largest_relative']):.2g}",
                ]
                for row in results.gradients(name)
            ],
        ),
    )

"""The schema of conf/train.yaml, and the typed configuration of a run."""

import math
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Self

from omegaconf import DictConfig, OmegaConf
from pydantic import AfterValidator, ConfigDict, Field, PrivateAttr

from descent.errors import UserError
from descent.records.criterion import Criterion, Direction, Target
from descent.schema import Component, Section, checked


def _rising(ends: list[float]) -> list[float]:
    low, high = ends
    if not -math.inf < low < high < math.inf:
        raise ValueError("not in order")
    return ends


def _positive(ends: list[float]) -> list[float]:
    if ends[0] <= 0:
        raise ValueError("not above 0")
    return ends


Interval = Annotated[list[float], Field(min_length=2, max_length=2), AfterValidator(_rising)]
Rates = Annotated[Interval, AfterValidator(_positive)]
RATES = "two numbers above 0, the lower first"
"""What a pair of rates is, in messages."""


class Objective(Section):
    """The metric by which the runs of a sweep are ranked."""

    metric: str
    direction: Direction

    @property
    def criterion(self) -> Criterion:
        """The same as records and views have it."""
        return Criterion(self.metric, self.direction)


class TargetConfig(Section):
    """A value of a metric that runs are to reach; the objective's metric where it is None, and no target without value.

    A sweep, a table or a picture says after how many steps they did.
    """

    metric: str | None = None
    value: float | None = Field(default=None, allow_inf_nan=False, examples=[0.9])


class HalvingConfig(Section):
    """Successive halving of the runs of a batch.

    Args:
        after: the step of the first rung; each further rung is later by the inverse of the share that stays.
        keep: the share of the runs that stays at each rung, those of the best objective.
    """

    after: int = Field(ge=1, examples=[100])
    keep: float = Field(gt=0, lt=1, examples=[0.5])


class Evaluation(Section):
    """After which steps a run is evaluated; None for every epoch."""

    first: int | None = Field(ge=1)
    every: int | None = Field(ge=1)


class DataConfig(Section):
    """The data, and what is done with them.

    Args:
        validation: the number of training examples that are held out as validation examples, by which runs are ranked;
            `auto` for a tenth of them, up to 5,000.
        test_share: the share of the training examples that is held out as test examples; None for none.
        split_seed: draws which examples are held out, the same for runs of all seeds.
        standardize: whether each feature of the inputs has a mean of 0 and a standard deviation of 1 in training.
        one_hot: whether classes are vectors that are 1 at the class, else 0.
        features: the number of each example's inputs, which networks may take; None where it is not declared.
        classes: the number of classes, likewise.
        source: gives them.
        batch_size: the number of examples in a minibatch; None for all.
    """

    validation: Annotated[int, Field(ge=0)] | Literal["auto"] = Field(
        0, description="a whole number from 0, or auto", examples=[5000]
    )
    test_share: float | None = Field(gt=0, lt=1, examples=[0.2])
    split_seed: int = Field(0, ge=0)
    standardize: bool
    one_hot: bool
    features: int | None = Field(None, ge=1)
    classes: int | None = Field(None, ge=1)
    source: Component
    batch_size: int | None = Field(ge=1)


class Sharing(Section):
    """Which runs of a batch one optimizer may step: those of equal settings, or also across learning rates.

    It may if it treats every number by itself, and across rates if its every step is proportional to the rate. That is
    declared of one class, `target`, and holds for no other.
    """

    target: str
    across_lr: bool


class ParamGroup(Section):
    """Parameters whose names match a pattern, and the optimizer's settings that differ for them."""

    model_config = ConfigDict(extra="allow")
    params: str = Field(min_length=1)


class OptimizerConfig(Component):
    """An optimizer and its learning rate.

    Args:
        rates: the lowest and the highest learning rate that are worth trying, before anything is known of the problem.
        sharing: which runs of a batch one optimizer may step; None for none.
        create_graph: whether its step differentiates the gradient, which takes `gradient=autograd`.
        replaces_schedule: whether it stands for a schedule, and takes none.
        groups: parameters with settings of their own, each in the first group that matches it.
    """

    declared = ("rates", "sharing", "create_graph", "replaces_schedule", "groups")
    lr: float = Field(ge=0, allow_inf_nan=False, examples=[0.1])
    rates: Rates | None = Field(None, description=RATES, examples=["[1e-3,1.0]"])
    sharing: Sharing | None = None
    create_graph: bool = False
    replaces_schedule: bool = False
    groups: list[ParamGroup] = Field(
        [],
        description="groups of parameters, each with a pattern of names and the settings that differ",
        examples=["'[{params: \"*.bias\", weight_decay: 0}]'"],
    )


class Trainer(Section):
    """The accelerator, what a step does with gradients, the length of a run, and how often it is saved.

    Args:
        accumulate: the number of minibatches of a step, whose mean gradient it takes.
        clip_norm: the largest norm of a step's gradient, to which a larger one is scaled; None for any.
        chunk_size: the largest number of steps between two returns from Lightning's `training_step`.
        checkpoint_seconds: the age at which a checkpoint is replaced.
    """

    accelerator: Literal["auto", "cpu", "gpu"]
    max_steps: int | None = Field(ge=1)
    max_epochs: int | None = Field(ge=1)
    accumulate: int = Field(ge=1)
    clip_norm: float | None = Field(gt=0, allow_inf_nan=False, examples=[1.0])
    chunk_size: int = Field(ge=1)
    checkpoint_seconds: float = Field(ge=0)


class Tracking(Section):
    """The MLflow store; None for none."""

    uri: str | None
    max_points: int = Field(ge=2)
    flush_timeout: float = Field(ge=0)


class SweepConfig(Section):
    """The sections that a sweep itself reads from the configuration that its jobs have in common."""

    objective: Objective
    tracking: Tracking

    @classmethod
    def of(cls, composed: DictConfig) -> Self:
        """Resolve these sections alone: others may refer to values that only a job has."""
        sections = (OmegaConf.to_container(composed[name], resolve=True) for name in cls.model_fields)
        return checked(cls, dict(zip(cls.model_fields, sections, strict=True)))


class Basin(Section):
    """A map of starts and learning rates."""

    cells: int = Field(ge=2)
    starts: Interval | None = Field(description="two numbers, the lower first")
    rates: Rates = Field(description=RATES)
    seeds: int = Field(ge=1)


class TrainConfig(Section):
    """The configuration of a run, in the order of conf/train.yaml."""

    config_groups: ClassVar = ("experiment", "sweep")

    name: str = Field(min_length=1)
    problem_name: str
    description: str = ""
    article: str | None = Field(None, examples=["'\"004\"'"])
    seed: int = Field(ge=0)
    divergence_threshold: float = Field(gt=0, examples=[math.inf])
    run_dir: str | None
    replace: bool
    tolerance: float = Field(ge=0, allow_inf_nan=False)
    objective: Objective
    target: TargetConfig = TargetConfig()
    stop_at_target: bool = False
    halving: HalvingConfig | None = Field(None, examples=["'{after: 100, keep: 0.5}'"])
    evaluation: Evaluation
    data: DataConfig
    sampler: Component
    problem: Component
    landscape: Component
    network: Component | None = None
    loss: Component | None = None
    optimizer: OptimizerConfig
    schedule: Component
    average: Component
    gradient: Component
    trainer: Trainer
    tracking: Tracking
    basin: Basin | None = None
    start: Component | None = None
    _composed: DictConfig = PrivateAttr()

    def refuse_early_ends(self, command: str) -> None:
        """Refuse settings that let a run end before its last step, for a command that trains every run to its end.

        Raises:
            UserError: if there are any.
        """
        if self.stop_at_target or self.halving is not None:
            name = "halving" if self.halving is not None else "stop_at_target"
            raise UserError(f"{name}: {command} trains every run to its end; leave it out")

    @property
    def reached(self) -> Target | None:
        """What the run is to reach; None for nothing.

        Raises:
            UserError: for a metric of which it is not known whether a higher value is better.
        """
        if self.target.value is None:
            return None
        return Target(self.objective.criterion.of(self.target.metric or self.objective.metric), self.target.value)

    @classmethod
    def of(cls, composed: DictConfig) -> Self:
        """The same; it keeps the composed configuration for `replaced`."""
        config = super().of(composed)
        config._composed = composed
        return config

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read the configuration from config.yaml in a record.

        Raises:
            UserError: if a value of it is still to be resolved, by which another person's could read the environment.
        """
        composed = OmegaConf.load(path)
        assert isinstance(composed, DictConfig)
        if "${" in str(OmegaConf.to_container(composed)):
            raise UserError(f"{path} has a ${{...}}, and a run's holds values alone; write the value in its place")
        return cls.of(composed)

    def replaced(self, key: str, value: Any) -> Self:
        """A copy with another value at a dotted key, and with the values that are derived from it."""
        composed = self._composed.copy()
        OmegaConf.update(composed, key, value, merge=False)
        return self.of(composed)

    def with_each(self, key: str, values: Iterable[Any]) -> Iterator[Self]:
        """The same for each of many values, in a third of the time; these copies have no `replaced`."""
        composed = self._composed.copy()
        for value in values:
            OmegaConf.update(composed, key, value, merge=False)
            yield super().of(composed)

    def to_yaml(self) -> str:
        """The text of config.yaml in a record."""
        return OmegaConf.to_yaml(OmegaConf.create(self.to_dict()))

"""Compose experiments into configs/NAME.yaml, by which DVC knows what to train again."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from descent.project import project_root


def main(words: Sequence[str]) -> None:
    """Compose every experiment of conf/experiment, each into a file of its name."""
    argparse.ArgumentParser("descent compose", description=__doc__).parse_args(words)
    folder = project_root() / "configs"
    folder.mkdir(exist_ok=True)
    names = sorted(path.stem for path in (project_root() / "conf" / "experiment").glob("*.yaml"))
    for path in folder.glob("*.yaml"):
        if path.stem not in names:
            path.unlink()
    for name in names:
        _write(folder / f"{name}.yaml", _composed(name))
    print(f"{len(names)} experiments composed into {folder.name}")


def _composed(name: str) -> dict[str, str]:
    """The flattened configuration of an experiment, without keys that cannot change its result."""
    from omegaconf import OmegaConf

    from descent.records.lineage import effective_params, flattened
    from descent.runs.composition import composed
    from descent.runs.hydra_errors import as_user_errors

    with as_user_errors():
        config = OmegaConf.to_container(composed("train", f"experiment={name}"), resolve=True)
    assert isinstance(config, dict)
    return effective_params(flattened({str(key): value for key, value in config.items()}))


def _write(path: Path, config: dict[str, str]) -> None:
    import yaml

    from descent.records.files import write_atomically

    write_atomically(path, yaml.safe_dump(config, sort_keys=False, allow_unicode=True))

from pathlib import Path

import pytest
from end_to_end.pages import Command, ShownFile, commands_of, is_same, steps_of

PAGE = """Text.

```console
$ descent train problem=bowl \\
    seed=1   # a comment
...
bowl: finished  loss/train 0.25
$ descent draw runs/bowl
```

It prints:

```text
runs/bowl: drawn
```

```yaml
# conf/problem/bowl.yaml
name: bowl
```

```python
print(1)
```

```text
1
```

```mermaid
a
```
"""


def test_a_pages_steps_are_in_its_order(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(PAGE)
    assert steps_of(page) == [
        Command("descent train problem=bowl \\\n    seed=1   # a comment", ("bowl: finished  loss/train 0.25",)),
        Command("descent draw runs/bowl", ("runs/bowl: drawn",)),
        ShownFile("conf/problem/bowl.yaml", "name: bowl\n"),
        Command("python -c 'print(1)\n'", ("1",)),
    ]


def test_what_is_no_command_at_the_top_of_a_block_is_refused() -> None:
    with pytest.raises(AssertionError, match="begins with a command"):
        commands_of("descent train\n")


@pytest.mark.parametrize(
    ("line", "is_quoted"),
    [
        ("bowl: finished  loss/train 0.2501  seconds_per_step 9  record runs/bowl-0123abcd", True),
        ("bowl: converged  loss/train 0.25  seconds_per_step 1  record runs/bowl-00000000", False),
        ("bowl: finished  loss/train 0.26  seconds_per_step 1  record runs/bowl-00000000", False),
        ("bowl: finished  loss/train 0.25  minimum 0  seconds_per_step 1  record runs/bowl-00000000", False),
        ("bowl: finished  loss/train 0.25  seconds_per_step 1  record runs/cone-00000000", False),
    ],
)
def test_a_line_is_the_quoted_one_but_for_keys_timings_and_last_digits(line: str, is_quoted: bool) -> None:
    quoted = "bowl: finished  loss/train 0.25  seconds_per_step 0.1  record runs/bowl-00000000"
    assert is_same(quoted, line) == is_quoted
    assert Command("", (quoted,)).unsaid(f"before\n{line}\n") == ([] if is_quoted else [quoted])


def test_lines_are_quoted_in_their_order_and_a_refusal_implies_the_code() -> None:
    assert Command("", ("a", "b")).unsaid("a\nx\nb\n") == []
    assert Command("", ("b", "a")).unsaid("a\nx\nb\n") == ["a"]
    assert (Command("", ("descent train: no",)).code, Command("", ("bowl: finished",)).code) == (1, 0)

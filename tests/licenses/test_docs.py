"""docs/licenses.md draws the table of states from the code, and names every verb's route and every audit action."""

from pathlib import Path

from licenses.transitions import TABLE, State, Verb

PAGE = Path(__file__).resolve().parents[2] / "docs" / "licenses.md"
SHOWN = [state for state in State if state is not State.UNISSUED]


def drawn() -> str:
    """Return the table as Markdown: where a verb leads from a state, `–` for no change, or the code of a refusal."""
    lines = [f"| | {' | '.join(f'`{verb}`' for verb in Verb if verb is not Verb.ISSUE)} |", "|---" * len(Verb) + "|"]
    for state in SHOWN:
        cells = []
        for verb in Verb:
            if verb is Verb.ISSUE:
                continue
            outcome = TABLE[verb][state]
            told = f"**{outcome}**" if isinstance(outcome, State) else f"`{outcome.code}`"
            cells.append("–" if outcome is state else told)
        lines.append(f"| **{state}** | {' | '.join(cells)} |")
    return "\n".join(lines)


class TestPage:
    def test_shows_the_table_that_the_code_goes_by(self) -> None:
        assert drawn() in PAGE.read_text(), f"the table is now:\n{drawn()}"

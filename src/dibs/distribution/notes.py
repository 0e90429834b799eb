"""Notes on a lead: written by who works it, changed and taken back by who wrote them."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from dibs.crm.models import Note
from dibs.distribution import acting
from dibs.distribution.merged_into import kept_lead
from dibs.distribution.scene import Answer, Scene, act
from dibs.engine.decision import Reason, Refusal
from dibs.people.caller import Caller
from dibs.people.tenancy import enter, new_id

#: The longest note, in characters.
LONGEST = 5_000


def write_note(
    caller: Caller, lead_id: UUID, text: str, now: datetime, *, pinned: bool = False, new: UUID | None = None
) -> Answer:
    """Write a note down; ``new`` is to be its id: there already, it is not written twice. Raises `ValueError` for one without text, or longer than `LONGEST`."""
    said = _fit(text)

    def decide(scene: Scene) -> None:
        if new is not None and Note.objects.filter(id=new).exists():
            return
        Note.objects.create(
            id=new or new_id(),
            workspace_id=caller.workspace_id,
            lead_id=lead_id,
            opportunity_id=acting.opportunity_of(scene),
            by_id=caller.user_id,
            at=now,
            text=said,
            pinned=pinned,
        )

    return act(caller, lead_id, now, decide, kind="noted", claim=None)


def change_note(
    caller: Caller, note_id: UUID, now: datetime, *, text: str | None = None, pinned: bool | None = None
) -> Answer:
    """Say it otherwise, for who wrote it; put it on top or not, for all who may write here. ``None``: as it is.

    Raises `LookupError` where there is no such note, `ValueError` as `write_note`.
    """
    said = _fit(text) if text is not None else None
    note = _note(caller, note_id)

    def decide(scene: Scene) -> Refusal | None:
        if said is not None:
            if note.by_id != caller.user_id:
                return _not_theirs()
            note.text = said
        if pinned is not None:
            note.pinned = pinned
        note.save(update_fields=["text", "pinned"])
        return None

    return act(caller, _lead_of(note), now, decide, kind="noted", claim=None)


def delete_note(caller: Caller, note_id: UUID, now: datetime) -> Answer:
    """Take it back, for who wrote it. Raises `LookupError` where there is no such note."""
    note = _note(caller, note_id)

    def decide(scene: Scene) -> Refusal | None:
        if note.by_id != caller.user_id:
            return _not_theirs()
        note.delete()
        return None

    return act(caller, _lead_of(note), now, decide, kind="noted", claim=None)


def _fit(text: str) -> str:
    said = text.replace("\0", "").strip()
    if not said or len(said) > LONGEST:
        raise ValueError(f"a note has 1 to {LONGEST} characters")
    return said


def _note(caller: Caller, note_id: UUID) -> Note:
    enter(caller.workspace_id)
    note = Note.objects.filter(workspace_id=caller.workspace_id, id=note_id, lead__isnull=False).first()
    if note is None:
        raise LookupError(note_id)
    return note


def _lead_of(note: Note) -> UUID:
    """The lead that it is told with."""
    assert note.lead_id is not None
    return kept_lead(note.workspace_id, note.lead_id)


def _not_theirs() -> Refusal:
    return Refusal((Reason("not_yours", {"by": None}),), remedy=Reason("choose_another"))

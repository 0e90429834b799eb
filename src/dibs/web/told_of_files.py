"""What pages say about files, sources and campaigns, in the reader's language; the codes are intake's."""

from __future__ import annotations

from collections.abc import Mapping

from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from dibs.delivery.wording import titled, word
from dibs.intake.connectors.rows import FileRefused
from dibs.intake.mapping import MappingRefused

#: Why nothing of a file can be read.
FILES: Mapping[str, object] = {
    "file_missing": _("The file is no longer here. Send it again."),
    "file_is_folder": _("That is a folder. Choose a file in it."),
    "file_unreadable": _("The file cannot be read."),
    "file_too_large": _("The file is larger than is taken here. Import it by dibs import."),
    "file_empty": _("The file is empty: it has neither a header nor rows."),
    "file_not_text": _("The file is neither a text with separators (CSV) nor a workbook (.xlsx)."),
    "workbook_unreadable": _("The workbook cannot be read: it is broken, or protected with a password."),
    "workbook_too_large": _(
        "The workbook holds more than is read of one. Save the sheet with the leads as CSV and import that."
    ),
    "sheet_missing": _("The workbook has no sheet with rows."),
    "encoding_unknown": _("There is no such encoding. Try utf-8, cp932 or cp1252."),
    "wrong_encoding": _("The header is in another encoding. Say which."),
    "header_missing": _(
        "The first row names no field of a lead: most likely it is data. Put names of the columns above it."
    ),
    "header_unreadable": _("The header cannot be told apart into columns. Is a quote left open?"),
}
#: Why a mapping that was put together on a page cannot be used.
MAPPINGS: Mapping[str, object] = {
    "empty": _("No column fills a field of a lead. Choose at least one."),
    "target_twice": _("Two columns fill the same field, which takes one. Choose another for one of them."),
    "unknown_field": _("A lead has no such field."),
    "bad_date_format": _("That is no format of dates with year, month and day."),
    "column_missing": _("The file has not the columns that were chosen. Choose them anew."),
}
#: Why a source or a campaign cannot be kept so.
REFUSALS: Mapping[str, object] = {
    "name_missing": _("It needs a name."),
    "name_taken": _("There is a source of this name already."),
    "unknown_category": _("Choose what it is."),
    "unknown_campaign": _("There is no campaign with this key."),
    "vendor_missing": _("Say whom the list is from."),
    "key_missing": _("It needs a key: what sources and policies call it."),
    "key_taken": _("There is a campaign with this key already."),
    "key_in_use": _("Leads or sources name it by its key, so that stays, and it cannot be deleted."),
    "unknown_channel": _("Choose a channel."),
    "ends_before_start": _("It would end before it starts."),
    "title_missing": _("It needs a title."),
    "unknown_kind": _("Choose what it is."),
    "bad_address": _("An address begins with https:// or http://."),
    "bad_day": _("That is no day."),
}
#: Why an import failed, or was not undone.
PROBLEMS: Mapping[str, object] = {
    "failed": _("Something went wrong on the way. What was read until then is here, and can be undone."),
    "import_touched": _("It was not undone: somebody has touched one of its leads meanwhile."),
    "import_running": _("It is still under way. Undo it when it is through."),
    "import_undone": _("It was undone already."),
}
#: What is likely wrong with a file as a whole.
WARNINGS: Mapping[str, object] = {
    "no_address": _("No row has a name, a company, an e-mail or a phone: is a column left out?"),
    "all_refused": _("None of these rows can become a lead."),
    "all_known": _("All of these rows are here already: nothing would change."),
    "often_doubted": _("In many rows:"),
}
CATEGORIES: Mapping[str, object] = {
    "form": _("Form"),
    "campaign": _("Campaign responses"),
    "list": _("List of a third party"),
    "event": _("Event"),
    "referral": _("Referral"),
    "partner": _("Partner"),
    "file": _("File"),
    "api": _("Another system"),
}
CHANNELS: Mapping[str, object] = {
    "mail": _("Mail"),
    "web": _("Web"),
    "search": _("Search"),
    "social": _("Social media"),
    "event": _("Event"),
    "phone": _("Phone"),
    "post": _("Post"),
    "print": _("Print"),
    "partner": _("Partner"),
    "other": _("Other"),
}
KINDS: Mapping[str, object] = {
    "mail": _("Mail"),
    "page": _("Page"),
    "brochure": _("Brochure"),
    "advertisement": _("Advertisement"),
    "video": _("Video"),
    "invitation": _("Invitation"),
    "letter": _("Letter"),
    "other": _("Other"),
}
OUTCOMES: Mapping[str, object] = {
    "placed": _("new"),
    "touched": _("came again"),
    "enriched": _("enriched"),
    "unchanged": _("unchanged"),
    "refused": _("refused"),
}
STATES: Mapping[str, object] = {
    "running": _("under way"),
    "done": _("done"),
    "failed": _("stopped on the way"),
    "undoing": _("being undone"),
    "undone": _("undone"),
}


def of_file(refused: FileRefused) -> str:
    """Why a file cannot be read."""
    return str(FILES[refused.code])


def of_mapping(refused: MappingRefused) -> str:
    """Why a mapping cannot be used."""
    code = refused.problems[0].code
    return str(MAPPINGS.get(code, refused.problems[0].message))


def place(name: str) -> str:
    """Where leads are, as `importing.place_name` has it."""
    kind, _space, what = name.partition(" ")
    if kind == "pool":
        return gettext("in %(pool)s") % {"pool": titled(what)}
    if kind == "rep":
        return gettext("with %(rep)s") % {"rep": what.removesuffix(" (offered)")}
    return word("state", kind)

"""docs/reference/notify-settings.md: the settings of `[[notify]]` of the page, from the code."""

from __future__ import annotations

from fields import HEAD, settings_rows, table

from drsn.agent.tools.notify.quiet_hours import QuietHours
from drsn.agent.tools.notify.settings import NotifySection

HEADER = """\
# Settings of messages

```toml
[[notify]]
name = "phone"
kind = "webhook"
url = "https://ntfy.sh"
template = "ntfy"
values = {topic = "line4-7f3a9c"}
```

These settings are in the file of `drsn-web`. [Messages to people](../use/notify.md) shows how to use them. An unknown
key is an error. This page is generated from `agent/tools/notify/`.

"""


def notify_page() -> str:
    """The whole page."""
    own = {key: field for key, field in NotifySection.model_fields.items() if key != "quiet"}
    parts = ["## `[[notify]]`", "", "One receiver of messages.", "", table(HEAD, settings_rows(own)), ""]
    quiet = settings_rows(QuietHours.model_fields)
    parts += ["## `quiet`", "", "A table in an entry: hours in which messages wait.", "", table(HEAD, quiet), ""]
    return HEADER + "\n".join(parts)

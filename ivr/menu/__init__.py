"""Voice menus as data: checked when loaded, decided by a pure engine, played on a channel."""

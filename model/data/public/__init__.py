"""Public data sets by name, as they lie on a disk after the download; `table` lists them."""

"""Messages to people about alarms, by webhook and e-mail: `[[notify]]` of the page's process."""

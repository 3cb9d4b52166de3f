The doctor checks the templates and the recipient of each hook.

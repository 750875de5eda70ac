"""How CODITECT Cloud is put on machines: locally by one command, in production by containers and OpenTofu."""

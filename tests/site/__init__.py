"""The pages: every code block works, every link resolves, every picture is described."""

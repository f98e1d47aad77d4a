"""The exercises: a module for each lesson that has any, with `TASKS`."""

"""IPython's settings where code cells of the pages are executed; read by its kernels."""

c = get_config()  # type: ignore[name-defined]  # noqa: F821 - IPython gives it

c.HistoryManager.enabled = False
# Kernels talk to this machine's own processes, and warn that others could listen.
c.IPKernelApp.log_level = "ERROR"
c.InlineBackend.figure_formats = {"svg"}
c.InlineBackend.rc = {
    "figure.figsize": (6.4, 3.6),
    "figure.facecolor": "white",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "font.size": 10,
}

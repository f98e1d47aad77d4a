// Opened from disk, a page may not fetch others: the search then shows titles without excerpts.
if (location.protocol === "file:") DOCUMENTATION_OPTIONS.SHOW_SEARCH_SUMMARY = false;

document.addEventListener("DOMContentLoaded", () => {
  // The theme has two of these landmarks on a page; a screen reader tells them apart by name.
  document.querySelector(".sidebar-drawer")?.setAttribute("aria-label", "site");
  document.querySelector(".toc-drawer")?.setAttribute("aria-label", "page");
  // What is wider than its place is scrolled, by keyboard too.
  for (const wide of document.querySelectorAll("pre, .table-wrapper, .cell_output")) wide.tabIndex = 0;
});

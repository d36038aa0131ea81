/** Moves the focus to the content of the page: from there, the Tab key leads to its first control. */
export const focusPage = () => document.querySelector('main')?.focus({ preventScroll: true })

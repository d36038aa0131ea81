import { later } from '../parts/later.tsx'

/** The sheet with a request. Its code is loaded when the page is idle, or when a person opens a request. */
export const RequestSheet = later(async () => (await import('./request-sheet.tsx')).RequestSheet)

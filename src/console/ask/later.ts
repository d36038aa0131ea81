import { later } from '../parts/later.tsx'

/** The sheet with a request, whose code is loaded when the page is idle, or when a request is opened. */
export const RequestSheet = later(async () => (await import('./request-sheet.tsx')).RequestSheet)

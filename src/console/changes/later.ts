import { later } from '../parts/later.tsx'

/** The page with an agent's changes. Its code is loaded when a person opens it for the first time. */
export const ChangesPage = later(async () => (await import('./changes-page.tsx')).ChangesPage)

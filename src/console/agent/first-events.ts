/** Number of events to request at once, also by the first request of an agent's page. */
export const FIRST_EVENTS = 500

/** Number of events that the first request of an agent's page asks for: more than the screen shows. */
export const FIRST_EVENTS = 100

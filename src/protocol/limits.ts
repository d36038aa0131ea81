/** Limits both sides keep; a server may rely on them. */
export const Limits = {
  /** Longest frame a daemon accepts or a server must accept, in bytes. */
  frame_bytes: 32 * 1024 * 1024,
  /** Longest journal line that is parsed; a longer one arrives as `unreadable`. */
  line_bytes: 16 * 1024 * 1024,
  /** Most events of a journal line; one with more, or that makes much more of itself, arrives as `unreadable`. */
  line_events: 10_000,
  /** Deepest nesting of objects and arrays in an event; a line with more arrives as `unreadable`. */
  nesting: 1000,
  /** Objects and arrays, and what they hold, in all, in a frame that a server sends. */
  values: 100_000,
  /** The same in one that a daemon sends, where each event counts by itself. */
  greeting_values: 1_000_000,
  /** Longest name, id, code or version, in UTF-16 units. */
  name_chars: 1024,
  /** Longest path. */
  path_chars: 4096,
  /** Longest sentence that a daemon says of its machine, its agents, or a command. */
  sentence_chars: 16_384,
  /** Longest text in a command beside a prompt, which only its frame limits. */
  text_chars: 1024 * 1024,
  /** Most items of a list or table, where its schema names no other number. */
  items: 65_536,
  /** Most requests that an agent's status lists as pending. */
  pending: 1000,
  /** Longest status of an agent that a daemon sends, in bytes. */
  status_bytes: 1024 * 1024,
  /** Most agents that a machine keeps, those that have ended included: a greeting lists all of them. */
  agents: 10_000,
  /** Longest form of an agent that is left in a greeting that would be too long, in bytes. */
  greeted_agent_bytes: 2048,
  /** Activity a daemon sends ahead of the server's acknowledgement, in journal bytes, over all agents. */
  window_bytes: 4 * 1024 * 1024,
  /** A side that hears nothing, not even a pong, for this long closes the link. */
  silence_ms: 25_000,
  /** How often each side pings. */
  heartbeat_ms: 10_000,
} as const

/** Limits on messages. Both sides obey these limits, so that a server can rely on them. */
export const Limits = {
  /** Longest frame that a daemon accepts and that a server must accept, in bytes. */
  frame_bytes: 32 * 1024 * 1024,
  /** Longest journal line that is parsed, in bytes. A longer line arrives as `unreadable`. */
  line_bytes: 16 * 1024 * 1024,
  /** Maximum number of events in a journal line. A line with more events arrives as `unreadable`. */
  line_events: 10_000,
  /** Deepest nesting of objects and arrays in an event; a deeper line arrives as `unreadable`. */
  nesting: 1000,
  /** Maximum total number of objects, arrays, and their members in a frame from a server. */
  values: 100_000,
  /**
   * Maximum total number of objects, arrays, and their members in a frame from a daemon. Each event is
   * counted separately.
   */
  greeting_values: 1_000_000,
  /** Longest name, id, code or version, in UTF-16 units. */
  name_chars: 1024,
  /** Longest path, in UTF-16 units. */
  path_chars: 4096,
  /** Longest sentence from a daemon about its machine, its agents, or a command, in UTF-16 units. */
  sentence_chars: 16_384,
  /**
   * Longest text in a command, in UTF-16 units. Does not apply to prompts, which are limited only by the size
   * of a frame.
   */
  text_chars: 1024 * 1024,
  /** Maximum number of items in a list or table whose schema sets no other limit. */
  items: 65_536,
  /** Maximum number of pending requests in an agent's status. */
  pending: 1000,
  /** Longest agent status that a daemon sends, in bytes. */
  status_bytes: 1024 * 1024,
  /**
   * Maximum number of agents on a machine, including ended agents. The number is limited because a greeting
   * lists all agents.
   */
  agents: 10_000,
  /**
   * Maximum size of an agent's shortened entry in a greeting, in bytes. A daemon shortens entries if the
   * greeting would otherwise be too long.
   */
  greeted_agent_bytes: 2048,
  /** Maximum amount of activity sent ahead of acknowledgments, in journal bytes, over all agents. */
  window_bytes: 4 * 1024 * 1024,
  /** Time after which a side that receives nothing, not even a pong, closes the link, in ms. */
  silence_ms: 25_000,
  /** Interval between pings, in ms. */
  heartbeat_ms: 10_000,
} as const

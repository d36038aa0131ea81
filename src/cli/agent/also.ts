/** What is remembered beside rules for the tool, each by its own word; `save`: beyond the session. */
export const ALSO = ['save', 'mode', 'directories', 'other'] as const
export type Also = (typeof ALSO)[number]

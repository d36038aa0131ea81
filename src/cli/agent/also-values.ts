/**
 * Values of `--also`: suggestions to remember, besides the rules for the tool. `save` keeps these rules after
 * the session.
 */
export const ALSO = ['save', 'mode', 'directories', 'other'] as const
export type Also = (typeof ALSO)[number]

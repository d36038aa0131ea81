/**
 * Values of `--also`: suggestions to remember in addition to the rules for the tool. `save` keeps these rules
 * after the session.
 */
export const ALSO = ['save', 'mode', 'directories', 'other'] as const
export type Also = (typeof ALSO)[number]

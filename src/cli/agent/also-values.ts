/** Values of `--also`: what to remember besides rules for the tool. `save` keeps them beyond the session. */
export const ALSO = ['save', 'mode', 'directories', 'other'] as const
export type Also = (typeof ALSO)[number]

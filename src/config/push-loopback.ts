/** Variable that permits push services on the hub's own machine. */
export const PUSH_LOOPBACK = 'FOMULAR_HUB_PUSH_LOOPBACK'

/** Reports whether the environment permits push services on the hub's own machine. */
export const permitsPushLoopback = (env: NodeJS.ProcessEnv) =>
  ['true', '1'].includes(env.FOMULAR_HUB_PUSH_LOOPBACK ?? '')

import type { UpdateRequest } from './options.ts'

/** Reports whether a server asks for an update, by a command or by its refusal of the running version. */
export const isOrdered = ({ origin }: Pick<UpdateRequest, 'origin'>) =>
  origin === 'server' || origin === 'refusal'

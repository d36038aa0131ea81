import { type ComponentChildren, createContext } from 'preact'
import type { PermissionRequest } from '../../../protocol/permission.ts'

/** Name of the agent whose blocks are shown: what a person has unfolded belongs to one agent. */
export const Scope = createContext('')

/** Shows the buttons that answer a request, inside its block. */
export const RequestActions = createContext<(request: PermissionRequest) => ComponentChildren>(() => null)

import type { OpenTarget } from '../target.ts'
import { cli } from './cli.ts'
import { daemon } from './daemon.ts'
import { http } from './http.ts'
import { hub } from './hub.ts'
import { journal } from './journal.ts'

export const TARGETS = { daemon, hub, http, journal, cli } satisfies Record<string, OpenTarget>
export type TargetName = keyof typeof TARGETS

import { homeOf } from '../../config/home.ts'
import type { Manager, Status } from '../../service/manager.ts'
import { managerNamed, usualManager } from '../../service/managers.ts'
import { readInstalled } from '../../service/mark.ts'
import type { ManagerName, ServicePlan } from '../../service/plan.ts'
import type { Step } from '../../service/steps.ts'
import { besides, checkOtherManagers, startedElsewhere } from './beside.ts'
import { checkFree } from './bring-up.ts'
import { planChange } from './change.ts'
import type { ServiceOptions } from './options.ts'
import { makePlan } from './plan.ts'

/** An installation that is about to be carried out, or shown. */
export interface Prepared {
  plan: ServicePlan
  manager: Manager
  /** How the service is now. */
  before: Status
  steps: Step[]
  /** What becomes of what is there now. */
  notes: string[]
  warnings: string[]
  /** Whether what runs is stopped first. */
  stops: boolean
}

type Options = ServiceOptions & {
  user?: string
  path?: string
  start: boolean
  takeOver?: boolean
  dryRun?: boolean
} & Record<string, string | boolean>

/**
 * What is to be done so that the service is as the options say.
 * @param isNamed whether somebody has said which name
 * @throws UserError where it cannot be so
 */
export async function prepare(
  { manager: named, name: wanted, user, path, start, takeOver, dryRun, json, ...flags }: Options,
  isNamed: boolean,
): Promise<Prepared> {
  const manager = managerNamed(named ?? (usualManager() as ManagerName))
  const { name, taken, notes } = await besides({
    manager: manager.name,
    name: wanted,
    named: isNamed,
    takeOver: takeOver ?? false,
    dryRun: dryRun ?? false,
    json: json ?? false,
    home: homeOf(process.env),
  })
  const { plan, key, warnings } = await makePlan({
    manager: manager.name,
    name,
    ...(user !== undefined && { user }),
    ...(path !== undefined && { path }),
    flags,
    keyNeeded: true,
    ...(taken && { taken }),
  })
  checkOtherManagers(manager.name, plan)
  const status = await manager.status({ name, home: plan.account.home })
  const before = taken ? { ...status, user: taken.user, state_dir: taken.stateDir } : status
  checkFree(plan.stateDir, before)
  const { path: file, text } = await manager.file(plan)
  // Pm2 and launchd read an entry once: for a new one, they end what runs.
  const renews = (manager.name === 'pm2' || manager.name === 'launchd') && readInstalled(file)?.text !== text
  const change = await planChange({
    plan,
    manager,
    before,
    renews: renews && start,
    ofOthers: taken !== undefined,
  })
  return {
    plan,
    manager,
    before,
    steps: [...change.steps, ...(taken?.steps ?? []), ...(await manager.install(plan, { start, key }))],
    notes: [...notes, ...(taken?.notes ?? []), ...change.notes],
    warnings: [...warnings, ...startedElsewhere()],
    stops: change.stops,
  }
}

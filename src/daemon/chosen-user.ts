import { agentUser } from '../agents/process/agent-user.ts'
import type { CurrentPolicy } from '../policy/current.ts'
import type { ChosenUser } from './runtime-checks.ts'

/** Returns the user that agents run as, according to the policy in force. */
export const chosenUser = (current: Pick<CurrentPolicy, 'state'>): ChosenUser => ({
  get name() {
    return nameIn(current)
  },
  get() {
    // The unreadable policy may name another user, so agents must not run as the daemon's user.
    if (current.state.from === 'unreadable') throw new Error('the policy cannot be read')
    const name = nameIn(current)
    return name === undefined ? undefined : agentUser(name)
  },
})

const nameIn = ({ state }: Pick<CurrentPolicy, 'state'>) =>
  state.from === 'unreadable' ? undefined : state.policy.isolation.agent_user

import { agentHref, hrefOf } from '../route.ts'
import './agent-tabs.css'

interface AgentTabsProps {
  machine_id: string
  agent_id: string
  current: 'conversation' | 'changes'
}

/** Links to the pages of an agent. */
export function AgentTabs({ machine_id, agent_id, current }: AgentTabsProps) {
  const link = (name: AgentTabsProps['current'], label: string, href: string) => (
    <a href={href} aria-current={name === current ? 'page' : undefined}>
      {label}
    </a>
  )
  return (
    <nav class="agent-tabs" aria-label="Pages of the agent">
      {link('conversation', 'Conversation', agentHref({ machine_id, agent_id }))}
      {link('changes', 'Changes', hrefOf(['agents', machine_id, agent_id, 'changes']))}
    </nav>
  )
}

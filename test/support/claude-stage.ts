import { claudeEnvironment, claudeProgram } from './claude.ts'
import { type MessagesApi, startMessagesApi } from './messages-api.ts'
import type { Due, Message } from './messages-script.ts'
import { Stage } from './stage.ts'
import type { Cleanup } from './temp.ts'

export interface ClaudeStage {
  stage: Stage
  api: MessagesApi
}

/**
 * Makes a stage whose agents run the real Claude Code, with a stand-in for the model.
 * @param next returns the model's next step in a conversation. By default, the prompt contains all steps.
 */
export async function claudeStage(
  t: Cleanup,
  next?: (messages: Message[]) => Due,
  more: Record<string, string> = {},
): Promise<ClaudeStage> {
  const program = await claudeProgram()
  const api = await startMessagesApi(next)
  t.after(() => api.close())
  const { PATH: _path, HOME: _home, ...env } = claudeEnvironment(api.url, '')
  return { api, stage: await Stage.open(t, { ...env, FOMULAR_CLAUDE_PATH: program, ...more }) }
}

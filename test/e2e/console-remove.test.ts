import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { violationsOn } from '../support/accessibility.ts'
import { openBrowser } from '../support/browser.ts'
import { ConsoleStage } from '../support/console-stage.ts'
import { fakeStage } from '../support/fake-agent.ts'
import { gitRepository } from '../support/git-repository.ts'
import { until } from '../support/wait.ts'

const browser = await openBrowser({ after })

test('the removal of an agent names its working tree, and removes it on request unless work would be lost', async (t) => {
  const stage = await ConsoleStage.open(t, browser, () => fakeStage(t))
  const { stage: machine } = stage
  await machine.daemon()
  const main = gitRepository(join(machine.dir, 'app'), { 'a.txt': '1\n' })
  const agent = await machine.start({ cwd: main.dir, worktree: {} })
  await machine.agentIs(agent, 'idle')
  const tree = join(machine.dir, 'app-worktrees', agent)
  main.write(join('../app-worktrees', agent, 'new.txt'), 'work\n')
  const visitor = await stage.signedIn({
    path: `/agents/${(await machine.machine())!.machine_id}/${agent}`,
  })
  const { page } = visitor
  visitor.expects(/status of 422/)
  await page.getByRole('button', { name: 'Remove…', exact: true }).click()
  const dialog = page.getByRole('dialog', { name: 'Remove the agent?' })
  await dialog.getByText(`The working tree ${tree} and the branch agent/${agent} stay`).waitFor()
  for (const look of ['light', 'dark'] as const) {
    await page.emulateMedia({ colorScheme: look })
    assert.deepEqual(await violationsOn(page), [])
  }
  await dialog.getByLabel('Also remove the working tree').check()
  await dialog.getByLabel('The agent is running. Stop it first.').check()
  const remove = dialog.getByRole('button', { name: 'Remove agent' })
  await remove.click()
  await dialog.getByRole('alert').filter({ hasText: 'not committed: new.txt' }).waitFor()
  assert.equal((await machine.agent(agent)).state, 'exited')
  assert.equal(existsSync(tree), true)

  main.git('-C', tree, 'clean', '--quiet', '--force')
  await remove.click()
  await page.getByRole('status').filter({ hasText: 'The agent is removed.' }).waitFor()
  await until(() => !existsSync(tree), { what: 'the removal' })
  assert.equal(main.git('branch', '--format=%(refname:short)'), 'main')
})

import { Button } from '../parts/button.tsx'
import { may } from '../session/session.ts'
import { opened } from './opened.tsx'

/** Buttons for the whole fleet, as the person's role permits. */
export const FleetActions = () => (
  <div class="admin-buttons">
    <AddButton />
    <StartButton />
  </div>
)

/** A button that opens the dialog for a new machine, for people who may add one. */
export const AddButton = ({ look = 'plain' }: { look?: 'plain' | 'main' }) =>
  may('admin') ? (
    <Button
      look={look}
      onClick={() => {
        opened.value = 'add-machine'
      }}
    >
      Add a machine…
    </Button>
  ) : null

/** A button that opens the dialog for a new agent, for people who may start one. */
export const StartButton = () =>
  may('operator') ? (
    <Button
      look="main"
      onClick={() => {
        opened.value = 'start-agent'
      }}
    >
      Start an agent…
    </Button>
  ) : null

import { Text } from '@mantine/core'
import { explain } from '../api.js'

/** Why the API did not do what was asked, in its own words; nothing while there is no error. */
export const Refusal = ({ error }: { error: unknown }) =>
  error ? (
    <Text size="sm" c="var(--bad)" role="alert">
      {explain(error)}
    </Text>
  ) : null

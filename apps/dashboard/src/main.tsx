import '@mantine/core/styles.layer.css'
import 'uplot/dist/uPlot.min.css'
import './app.css'
import { MantineProvider } from '@mantine/core'
import { QueryClientProvider } from '@tanstack/react-query'
import { RouterProvider } from '@tanstack/react-router'
import { StrictMode } from 'react'
import { createRoot } from 'react-dom/client'
import { queries } from './api.js'
import { styleNonce } from './nonce.js'
import { router } from './router.js'
import { theme } from './theme.js'

const container = document.getElementById('root')
if (container === null) throw new Error('index.html has lost its root element')

createRoot(container).render(
  <StrictMode>
    <MantineProvider theme={theme} defaultColorScheme="auto" getStyleNonce={() => styleNonce}>
      <QueryClientProvider client={queries}>
        <RouterProvider router={router} />
      </QueryClientProvider>
    </MantineProvider>
  </StrictMode>,
)

import { useEffect } from 'react'
import page from '../job/job-page.module.css'
import { useMay } from '../task-queries.js'
import { RulesSection } from './rules-section.js'
import { WebhooksSection } from './webhooks-section.js'

/** What is watched for in all jobs, and who is told. Addresses are for administrators. */
export function AlertsPage() {
  const isAdmin = useMay('admin')
  useEffect(() => {
    document.title = 'Alerts · Kantor'
  }, [])
  return (
    <div className={page['page']}>
      <RulesSection />
      {isAdmin && <WebhooksSection />}
    </div>
  )
}

package wall

// The tables that go to a spreadsheet have codes, which programs read, or, when
// a language is asked for, the words of people: headings and lists from here,
// codes from the pages' own language files (tongue.go).

// columnWords are the columns of all tables.
func columnWords() map[string][2]string {
	return map[string][2]string{
		// review.csv
		"list": {"清单", "List"}, "key": {"键", "Key"}, "name": {"名称", "Name"}, "incidents": {"警情数", "Incidents"},
		"false_alarms": {"误报数", "False alarms"}, "alerts": {"预警次数", "Alerts"}, "share_false": {"误报率", "Share of false alarms"},
		"limited": {"有时限数", "With a limit"}, "in_time": {"按时数", "In time"}, "share_in_time": {"按时率", "Share in time"},
		"answer_mean_s": {"平均接警（秒）", "Mean answer (s)"}, "arrive_mean_s": {"平均到场（秒）", "Mean arrival (s)"}, "n": {"数量", "Count"},
		"median_s": {"中位数（秒）", "Median (s)"}, "p90_s": {"九成以内（秒）", "9 of 10 within (s)"}, "limit_s": {"时限（秒）", "Limit (s)"},
		"before": {"上期", "Before"}, "difference": {"增减", "Difference"}, "percent": {"增减（%）", "Change (%)"},
		"confirmed": {"完成", "Confirmed"}, "handed_back": {"退单", "Handed back"}, "cancelled": {"撤销", "Cancelled"},
		"overdue": {"超时数", "Overdue"}, "share_overdue": {"超时率", "Share overdue"}, "lat": {"纬度", "Latitude"}, "lon": {"经度", "Longitude"},
		// people.csv
		"person": {"用户名", "User name"}, "week": {"周（周一）", "Week (Monday)"}, "steps": {"步骤数", "Steps"}, "late": {"超时步骤", "Late"},
		"missing": {"缺少数", "Missing"}, "points": {"得分", "Points"}, "corrected": {"更正数", "Corrected"}, "orders": {"任务数", "Orders"},
		"orders_done": {"任务完成", "Orders done"}, "orders_overdue": {"任务超时", "Orders overdue"},
		// audit.csv
		"sequence": {"序号", "Sequence"}, "recorded_at": {"记录时间", "Recorded at"}, "type": {"类型", "Type"}, "by": {"人员", "Who"},
		"role": {"角色", "Role"}, "camera": {"摄像头", "Camera"}, "from": {"起", "From"}, "to": {"止", "To"}, "remote": {"来自", "From address"},
		"why": {"内容", "What"}, "note": {"备注", "Note"}, "id": {"事件编号", "Event"}, "prevhash": {"前一事件哈希", "Hash before"},
		"datahash": {"数据哈希", "Hash of the data"}, "hash": {"哈希", "Hash"},
	}
}

// listWords are the lists of review.csv.
func listWords() map[string][2]string {
	return map[string][2]string{
		"total": {"合计", "Total"}, "count": {"计数", "Counts"}, "left_out": {"未列出", "Left out"}, "missing": {"缺数据的日期", "Days without data"},
		"day": {"按日", "By day"}, "week": {"一周分布（星期/时）", "The week (weekday/hour)"}, "response": {"响应时间", "Response times"},
		"repeat": {"重复警情地点", "Places of repeated incidents"}, "cell": {"热点方格", "Squares of the heat map"}, "order": {"任务", "Orders"}, "change": {"与上期对比", "Beside the period before"},
		"hour": {"按小时", "By hour"}, "weekday": {"按星期", "By weekday"}, "place": {"按地点", "By place"}, "beat": {"按警务区", "By beat"},
		"kind": {"按类别", "By kind"}, "source": {"按来源", "By source"}, "team": {"按警力", "By team"}, "priority": {"按级别", "By priority"},
		"cells": {"热点方格", "Squares of the heat map"}, "sources": {"误报来源", "Sources of false alarms"}, "orders": {"任务", "Orders"},
		"rule": {"误报来源：规则", "False alarms: rule"}, "camera": {"误报来源：摄像头", "False alarms: camera"},
		"pillar": {"误报来源：报警柱", "False alarms: pillar"}, "drone": {"误报来源：无人机", "False alarms: drone"},
	}
}

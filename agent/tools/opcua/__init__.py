"""`drsn-opcua`: the alarms of all agents of a broker as OPC UA Alarms & Conditions (OPC 10000-9)."""

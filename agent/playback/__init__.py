"""A machine room that lives on loopback: real network services over one physics.

Devices answer SNMP, Modbus TCP, SSH and HTTP at an address each; what they answer follows from
the power, cooling, load and links of `room.yaml`, so a lost mains feed looks to an agent as it does
in a real room. Scenarios break and repair it; `describe` prints the room as a CMDB would hold it.
"""
